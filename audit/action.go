package audit

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/audit/record"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/query"
)

// Action is one row of the table of everything a caller can ask for. An action
// that has no row does not exist.
type Action struct {
	Service  string // iam
	Name     string // CreateUser
	ReadOnly bool   // as CloudTrail says
	Input    reflect.Type

	code     func(any) (serial, code *string)        // an MFA code that comes with it; see commands.Factor
	finish   func(context.Context, *turn, any) error // completes the answer when the World is not read any more
	targets  func(*ask, any)                         // what it is judged on; none: everybody signed may
	run      func(context.Context, *turn, any) (any, error)
	changes  bool // it emits facts: one at a time in an account
	outside  bool // it reads stores other than the World, after judging
	hashes   bool // it may need passwords hashed, which is done between two runs
	data     bool // CloudTrail calls it a data event
	asks     bool // it asks about others; see authzen.go
	request  *record.Projection
	response *record.Projection // nil: responseElements is null
}

// FullName is the action as policies name it: iam:CreateUser.
func (a *Action) FullName() string { return a.Service + ":" + a.Name }

// command makes the row of an action that changes something. request and
// response are the allow-lists of what the record shows of input and output.
func command[I, O any](service string, run func(*commands.Tx, context.Context, *I) (*O, error), targets func(*ask, *I), request, response string) Action {
	a := row[I, O](service, targets, request, response)
	a.changes = true
	a.run = func(ctx context.Context, t *turn, in any) (any, error) {
		out, err := run(&t.tx, ctx, in.(*I))
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	return a
}

// issue makes the row of an action that issues credentials: it changes no
// state, so it need not wait for others, unless an MFA code is used up.
func issue[I, O any](service string, run func(*commands.Tx, context.Context, *I) (*O, error), targets func(*ask, *I), request, response string) Action {
	a := command(service, run, targets, request, response)
	a.changes, a.ReadOnly = false, true
	return a
}

// look makes the row of an action that only reads the World.
func look[I, O any](service string, run func(*query.View, context.Context, *I) (*O, error), targets func(*ask, *I), request string) Action {
	a := row[I, O](service, targets, request, "")
	a.ReadOnly = true
	a.run = func(ctx context.Context, t *turn, in any) (any, error) {
		out, err := run(&t.view, ctx, in.(*I))
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	return a
}

// search makes the row of an action that reads another store than the World.
func search[I, O any](service string, run func(*query.View, context.Context, *I) (*O, error), targets func(*ask, *I), request string) Action {
	a := look(service, run, targets, request)
	a.outside = true
	return a
}

// mend makes the row of an action that changes a copy of the log, and no state.
func mend[I, O any](service string, run func(*query.View, context.Context, *I) (*O, error), targets func(*ask, *I), request, response string) Action {
	a := row[I, O](service, targets, request, response)
	s := search(service, run, targets, request)
	a.run, a.outside = s.run, true
	return a
}

func row[I, O any](service string, targets func(*ask, *I), request, response string) Action {
	in := reflect.TypeFor[I]()
	a := Action{Service: service, Name: strings.TrimSuffix(in.Name(), "Input"), Input: in}
	if targets != nil {
		a.targets = func(k *ask, in any) { targets(k, in.(*I)) }
	}
	var err error
	if a.request, err = record.Compile(service, (*I)(nil), strings.Fields(request)...); err != nil {
		panic(fmt.Sprintf("audit: %s: %v", a.Name, err))
	}
	if response != "" {
		if a.response, err = record.Compile(service, (*O)(nil), strings.Fields(response)...); err != nil {
			panic(fmt.Sprintf("audit: %s: %v", a.Name, err))
		}
	}
	return a
}

// Actions is the table.
func Actions() []Action {
	return slices.Concat(accounts, users, groups, roles, policies, inlines, attachments, boundaries, accessKeys, passwordPolicies, loginProfiles, mfaDevices, credentialReports, instanceProfiles, providers, tags, sessions, trails, buckets, journals, simulations, asking, searching, resources, analyses, organization)
}

// ask collects what a request must be judged on.
type ask struct {
	world    *projections.World
	account  *projections.Account // the caller's
	caller   *projections.Caller
	region   string // the server's own
	operator string // account that may look at the whole log
	turn     *turn

	targets  []target
	subjects []*subject // whom questions are about
	// Of the request as a whole.
	tags  []events.Tag        // aws:RequestTag/…, aws:TagKeys
	keys  map[string]string   // further condition keys
	lists map[string][]string // further condition keys with many values
}

// target is one thing an action is judged on.
type target struct {
	action   string // "": the request's own
	resource string // ARN, or * for an action without resource type
	kind     string // AWS::IAM::User; "": not shown among the record's resources
	owner    string // account; "": the caller's
	tags     []events.Tag
	keys     map[string]string
	known    bool             // it is registered, and the tags are all that it has
	side     *policy.Policies // the resource's: who may assume a role, what is registered; nil: it has none
}

// on adds a resource with the tags it carries now.
func (k *ask) on(resource, kind string, tags []events.Tag) *target {
	k.targets = append(k.targets, target{resource: resource, kind: kind, tags: tags})
	return &k.targets[len(k.targets)-1]
}

// also demands another action on the same resource as the last target.
func (k *ask) also(action string) {
	t := k.targets[len(k.targets)-1]
	t.action, t.kind = action, ""
	k.targets = append(k.targets, t)
}

// any adds the resource * : the action supports no resource type.
func (k *ask) any() { k.on("*", "", nil) }

// key sets a condition key if the request has a value for it.
func (k *ask) key(name string, value *string) {
	if value == nil {
		return
	}
	if k.keys == nil {
		k.keys = map[string]string{}
	}
	k.keys[name] = *value
}

// requestTags are the tags that a request passes.
func (k *ask) requestTags(tags []types.Tag) {
	for _, t := range tags {
		k.tags = append(k.tags, events.Tag{Key: str(t.Key), Value: str(t.Value)})
	}
}

// created demands the permission to tag too, if what is made comes with tags
// (IAM User Guide, "Tagging IAM resources").
func (k *ask) created(tags []types.Tag, action string) {
	if k.requestTags(tags); len(tags) > 0 {
		k.also(action)
	}
}

func str(p *string) string { return or(p, "") }

func or(p *string, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return *p
}
