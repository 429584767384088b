package audit

import (
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

// resource adds a resource of another service: who owns it and what its tags
// are, if it is registered, and the policies of what covers it. Tags are of the
// very thing, a policy is of all that is below it too.
func (k *ask) resource(arn string) *target {
	t := k.on(arn, "", nil)
	key, account, ok := projections.ResourceKey(arn)
	if !ok {
		return t
	}
	if isAccount(account) {
		t.owner = account
	}
	owner, found := k.world.Registered(arn)
	if owner == nil {
		return t
	}
	t.owner, t.known = owner.ID, found[0].ARN == key
	t.side = k.world.Bound(owner, k.world.ResourcePolicies(found))
	if t.known {
		t.tags = found[0].Tags
	}
	return t
}

// register adds a resource as one that is looked after: that is for the
// policies of identities alone, so that a resource's own can neither lock its
// owner out nor let others in. Who else has it is nobody's to know.
func (k *ask) register(arn string) *target {
	t := k.on(arn, "Keytrail::Registry::Resource", nil)
	if _, account, _ := projections.ResourceKey(arn); isAccount(account) {
		t.owner = account
	}
	if r, ok := k.account.Resource(arn); ok {
		t.tags, t.known = r.Tags, true
	}
	return t
}

// mine says whether a question is about a resource that the asker's account has
// registered, or one that is covered by such.
func (k *ask) mine(e *Entity) bool {
	arn, _, ok := k.turn.resource(e)
	if !ok {
		return false
	}
	owner, _ := k.world.Registered(arn)
	return owner != nil && owner.ID == k.account.ID
}

var resources = []Action{
	command("keytrail", (*commands.Tx).PutResource, func(k *ask, in *commands.PutResourceInput) {
		tags := k.register(in.ResourceArn).tags
		if in.Tags == nil {
			return
		}
		k.requestTags(in.Tags)
		if len(in.Tags) > 0 {
			k.also("keytrail:TagResource")
		}
		for _, t := range tags { // whoever leaves one out takes it away
			if projections.TagIndex(k.tags, t.Key) < 0 {
				k.also("keytrail:UntagResource")
				break
			}
		}
	}, "resourceArn policy tags", ""),
	look("keytrail", (*query.View).GetResource, func(k *ask, in *query.GetResourceInput) { k.register(in.ResourceArn) }, "resourceArn"),
	look("keytrail", (*query.View).ListResources, func(k *ask, in *query.ListResourcesInput) { k.on(in.Prefix+"*", "", nil) }, "prefix maxItems"),
	command("keytrail", (*commands.Tx).DeleteResource, func(k *ask, in *commands.DeleteResourceInput) { k.register(in.ResourceArn) }, "resourceArn", ""),
	command("keytrail", (*commands.Tx).TagResource, func(k *ask, in *commands.TagResourceInput) {
		k.register(in.ResourceArn)
		k.requestTags(in.Tags)
	}, "resourceArn tags", ""),
	command("keytrail", (*commands.Tx).UntagResource, func(k *ask, in *commands.UntagResourceInput) {
		k.register(in.ResourceArn)
		k.untag(in.TagKeys)
	}, "resourceArn tagKeys", ""),
}
