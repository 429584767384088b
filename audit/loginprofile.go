package audit

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

var loginProfiles = []Action{
	hashes(command("iam", (*commands.Tx).CreateLoginProfile, func(k *ask, in *iam.CreateLoginProfileInput) { k.user(in.UserName) },
		"userName passwordResetRequired", "loginProfile")),
	look("iam", (*query.View).GetLoginProfile, func(k *ask, in *iam.GetLoginProfileInput) { k.user(in.UserName) }, "userName"),
	hashes(command("iam", (*commands.Tx).UpdateLoginProfile, func(k *ask, in *iam.UpdateLoginProfileInput) { k.user(in.UserName) },
		"userName passwordResetRequired", "")),
	command("iam", (*commands.Tx).DeleteLoginProfile, func(k *ask, in *iam.DeleteLoginProfileInput) { k.user(in.UserName) }, "userName", ""),
	hashes(command("iam", (*commands.Tx).ChangePassword, func(k *ask, _ *iam.ChangePasswordInput) { k.user(nil) }, "", "")),
}

// hashes marks the row of a command that may need a password hashed.
func hashes(a Action) Action {
	a.hashes = true
	return a
}

// hashers bounds how many passwords are hashed at once, and how many requests
// wait for it: a hash takes 64 MiB and a core for 0.4 s.
type hashers struct {
	room  chan struct{} // of those that wait or run
	cores chan struct{} // of those that run
}

const (
	hashesAtOnce  = 2
	hashesWaiting = 64
	hashesEach    = projections.PasswordsKept + 2 // of one request: far more than one needs, unless costs changed often
)

func newHashers() *hashers {
	return &hashers{make(chan struct{}, hashesAtOnce+hashesWaiting), make(chan struct{}, hashesAtOnce)}
}

// do hashes, when it is its turn.
func (h *hashers) do(ctx context.Context, w seal.Work) (result seal.Hash, err error) {
	select {
	case h.room <- struct{}{}:
		defer func() { <-h.room }()
	default:
		return result, errThrottled
	}
	select {
	case h.cores <- struct{}{}:
		defer func() { <-h.cores }()
	case <-ctx.Done():
		return result, errThrottled // whoever asked has gone
	}
	return w.Do(), nil
}
