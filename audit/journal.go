package audit

import (
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// operators adds a thing that belongs to the server as a whole: only the
// operator's account can be allowed it.
func (k *ask) operators(resource string) {
	k.on("arn:aws:keytrail:"+k.region+":"+k.operator+":"+resource, "", nil).owner = k.operator
}

// journals are the actions of our own service, keytrail: what stands behind
// keytrail audit, replay and verify.
var journals = []Action{
	command("keytrail", (*commands.Tx).CreateAccount, func(k *ask, _ *commands.CreateAccountInput) { k.operators("account") }, "accountName accountID", "accountID accountName accessKeyID"),
	search("keytrail", (*query.View).ReadJournal, func(k *ask, in *query.ReadJournalInput) { k.operators("journal/" + in.Stream) }, "stream after limit"),
	search("keytrail", (*query.View).GetState, func(k *ask, _ *query.GetStateInput) { k.operators("state") }, "digestKeys"),
	search("keytrail", (*query.View).ReconcileTrail, func(k *ask, _ *query.ReconcileTrailInput) { k.operators("trail") }, "stream from"),
	mend("keytrail", (*query.View).RepairTrail, func(k *ask, _ *query.RepairTrailInput) { k.operators("trail") }, "stream from", "stream from to rows mended"),
	search("keytrail", (*query.View).QueryTrail, func(k *ask, in *query.QueryTrailInput) {
		if in.AllAccounts {
			k.operators("trail")
			return
		}
		k.on("arn:aws:keytrail:"+k.region+":"+k.account.ID+":trail", "", nil)
	}, "allAccounts principal action resource decision key event source since until limit oldest sQL"),
}
