package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

const (
	home     = "111122223333"
	document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:List*","Resource":"*"}]}`
	trust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`
)

func view(facts ...events.Event) *View {
	w := &projections.World{}
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	facts = append([]events.Event{events.AccountCreated{ID: home}}, facts...)
	for _, f := range facts {
		w.Apply(events.Unit{Seq: w.Seq + 1, Account: home, Time: at.Add(time.Duration(w.Seq) * time.Second), Facts: []events.Event{f}})
	}
	a, _ := w.Account(home)
	root := &projections.Caller{Type: projections.Root, Account: a, ARN: a.RootARN(), UserID: home}
	return &View{World: w, Account: a, Caller: root, Now: at.Add(time.Hour), Keys: seal.New()}
}

func id(prefix string, n int) string { return fmt.Sprintf("%s%017d", prefix, n) }

// town has n of everything, in three paths; every third user is in the group,
// everything has the policy, every second is bounded by it.
func town(n int) (facts []events.Event) {
	add := func(f ...events.Event) { facts = append(facts, f...) }
	add(events.PolicyCreated{ID: id("ANPA", 999), Name: "the-policy", Path: "/", Document: document})
	add(events.GroupCreated{ID: id("AGPA", 999), Name: "the-group", Path: "/"})
	add(events.RoleCreated{ID: id("AROA", 999), Name: "the-role", Path: "/", Trust: events.Trust{Document: trust}})
	use := func(id string, i int) {
		add(events.PolicyAttached{To: id, Policy: "ANPA00000000000000999"})
		add(events.InlinePolicyPut{In: id, Name: fmt.Sprint("own", i), Document: document})
		if i%2 == 0 && id[:4] != "AGPA" {
			add(events.BoundaryPut{On: id, Policy: "ANPA00000000000000999"})
		}
	}
	for i := range n {
		path := []string{"/", "/x/", "/x/y/"}[i%3]
		name := func(s string) string { return []string{strings.ToUpper(s), s}[i%2] + fmt.Sprint(n-i) }
		add(events.UserCreated{ID: id("AIDA", i), Name: name("u"), Path: path}, events.GroupCreated{ID: id("AGPA", i), Name: name("g"), Path: path},
			events.RoleCreated{ID: id("AROA", i), Name: name("r"), Path: path, Trust: events.Trust{Document: trust}},
			events.PolicyCreated{ID: id("ANPA", i), Name: name("p"), Path: path, Document: document},
			events.InstanceProfileCreated{ID: id("AIPA", i), Name: name("i"), Path: path},
			events.PolicyAttached{To: id("AIDA", 0), Policy: id("ANPA", i)},
			events.InlinePolicyPut{In: id("AIDA", 0), Name: name("own"), Document: document},
			events.UserAddedToGroup{Group: id("AGPA", i), User: id("AIDA", 0)},
			events.RoleAddedToInstanceProfile{Profile: id("AIPA", i), Role: id("AROA", 999)},
			events.Tagged{ID: id("AROA", 999), Tags: []events.Tag{{Key: name("t"), Value: "v"}}},
			events.PolicyVersionCreated{Policy: id("ANPA", 999), Version: i + 2, Document: document},
			events.AccessKeyCreated{ID: "AKIA" + fmt.Sprintf("%016d", i), User: id("AIDA", 0), Secret: "k1.x"})
		use(id("AIDA", i), i)
		use(id("AGPA", i), i)
		use(id("AROA", i), i)
		if i%3 == 0 {
			add(events.UserAddedToGroup{Group: id("AGPA", 999), User: id("AIDA", i)})
		}
		if i%2 == 1 {
			add(events.BoundaryPut{On: id("AIDA", i), Policy: id("ANPA", 0)})
		}
	}
	return facts
}

// a list reads one page: what is in it, and where the next begins.
type list func(v *View, marker *string, size *int32) (items []string, more bool, next *string, err error)

// of makes a list from a query and what its answer holds.
func of[I, O any](query func(*View, context.Context, *I) (*O, error), in func(marker *string, size *int32) *I, out func(*O) ([]string, bool, *string)) list {
	return func(v *View, marker *string, size *int32) ([]string, bool, *string, error) {
		o, err := query(v, context.Background(), in(marker, size))
		if err != nil {
			return nil, false, nil, err
		}
		items, more, next := out(o)
		return items, more, next, nil
	}
}

func each[T any](items []T, name func(T) *string) (out []string) {
	for _, item := range items {
		out = append(out, *name(item))
	}
	return out
}

func lists() map[string]list {
	all := map[string]list{}
	path := func(prefix string) *string {
		if prefix == "" {
			return nil
		}
		return &prefix
	}
	for _, prefix := range []string{"", "/x/", "/none/"} {
		all["ListUsers "+prefix] = of((*View).ListUsers, func(m *string, n *int32) *iam.ListUsersInput {
			return &iam.ListUsersInput{Marker: m, MaxItems: n, PathPrefix: path(prefix)}
		}, func(o *iam.ListUsersOutput) ([]string, bool, *string) {
			return each(o.Users, func(u types.User) *string { return u.UserName }), o.IsTruncated, o.Marker
		})
		all["ListPolicies "+prefix] = of((*View).ListPolicies, func(m *string, n *int32) *iam.ListPoliciesInput {
			return &iam.ListPoliciesInput{Marker: m, MaxItems: n, PathPrefix: path(prefix)}
		}, func(o *iam.ListPoliciesOutput) ([]string, bool, *string) {
			return each(o.Policies, func(p types.Policy) *string { return p.Arn }), o.IsTruncated, o.Marker
		})
		for _, usage := range []types.PolicyUsageType{"", types.PolicyUsageTypePermissionsPolicy, types.PolicyUsageTypePermissionsBoundary} {
			for _, kind := range []types.EntityType{"", types.EntityTypeUser, types.EntityTypeGroup} {
				all[fmt.Sprint("ListEntitiesForPolicy ", prefix, usage, kind)] = of((*View).ListEntitiesForPolicy, func(m *string, n *int32) *iam.ListEntitiesForPolicyInput {
					arn := "arn:aws:iam::" + home + ":policy/the-policy"
					return &iam.ListEntitiesForPolicyInput{PolicyArn: &arn, Marker: m, MaxItems: n, PathPrefix: path(prefix), PolicyUsageFilter: usage, EntityFilter: kind}
				}, func(o *iam.ListEntitiesForPolicyOutput) ([]string, bool, *string) {
					names := each(o.PolicyGroups, func(g types.PolicyGroup) *string { return g.GroupId })
					names = append(names, each(o.PolicyRoles, func(r types.PolicyRole) *string { return r.RoleId })...)
					return append(names, each(o.PolicyUsers, func(u types.PolicyUser) *string { return u.UserId })...), o.IsTruncated, o.Marker
				})
			}
		}
		all["ListAttachedUserPolicies "+prefix] = of((*View).ListAttachedUserPolicies, func(m *string, n *int32) *iam.ListAttachedUserPoliciesInput {
			return &iam.ListAttachedUserPoliciesInput{UserName: firstUser(), Marker: m, MaxItems: n, PathPrefix: path(prefix)}
		}, func(o *iam.ListAttachedUserPoliciesOutput) ([]string, bool, *string) {
			return each(o.AttachedPolicies, func(p types.AttachedPolicy) *string { return p.PolicyArn }), o.IsTruncated, o.Marker
		})
	}
	all["GetGroup"] = of((*View).GetGroup, func(m *string, n *int32) *iam.GetGroupInput {
		return &iam.GetGroupInput{GroupName: new("the-group"), Marker: m, MaxItems: n}
	}, func(o *iam.GetGroupOutput) ([]string, bool, *string) {
		return each(o.Users, func(u types.User) *string { return u.UserName }), o.IsTruncated, o.Marker
	})
	all["ListGroupsForUser"] = of((*View).ListGroupsForUser, func(m *string, n *int32) *iam.ListGroupsForUserInput {
		return &iam.ListGroupsForUserInput{UserName: firstUser(), Marker: m, MaxItems: n}
	}, func(o *iam.ListGroupsForUserOutput) ([]string, bool, *string) {
		return each(o.Groups, func(g types.Group) *string { return g.GroupName }), o.IsTruncated, o.Marker
	})
	all["ListUserPolicies"] = of((*View).ListUserPolicies, func(m *string, n *int32) *iam.ListUserPoliciesInput {
		return &iam.ListUserPoliciesInput{UserName: firstUser(), Marker: m, MaxItems: n}
	}, func(o *iam.ListUserPoliciesOutput) ([]string, bool, *string) {
		return o.PolicyNames, o.IsTruncated, o.Marker
	})
	all["ListAccessKeys"] = of((*View).ListAccessKeys, func(m *string, n *int32) *iam.ListAccessKeysInput {
		return &iam.ListAccessKeysInput{UserName: firstUser(), Marker: m, MaxItems: n}
	}, func(o *iam.ListAccessKeysOutput) ([]string, bool, *string) {
		return each(o.AccessKeyMetadata, func(k types.AccessKeyMetadata) *string { return k.AccessKeyId }), o.IsTruncated, o.Marker
	})
	all["ListRoleTags"] = of((*View).ListRoleTags, func(m *string, n *int32) *iam.ListRoleTagsInput {
		return &iam.ListRoleTagsInput{RoleName: new("the-role"), Marker: m, MaxItems: n}
	}, func(o *iam.ListRoleTagsOutput) ([]string, bool, *string) {
		return each(o.Tags, func(t types.Tag) *string { return t.Key }), o.IsTruncated, o.Marker
	})
	all["ListInstanceProfilesForRole"] = of((*View).ListInstanceProfilesForRole, func(m *string, n *int32) *iam.ListInstanceProfilesForRoleInput {
		return &iam.ListInstanceProfilesForRoleInput{RoleName: new("the-role"), Marker: m, MaxItems: n}
	}, func(o *iam.ListInstanceProfilesForRoleOutput) ([]string, bool, *string) {
		return each(o.InstanceProfiles, func(p types.InstanceProfile) *string { return p.InstanceProfileName }), o.IsTruncated, o.Marker
	})
	all["ListPolicyVersions"] = of((*View).ListPolicyVersions, func(m *string, n *int32) *iam.ListPolicyVersionsInput {
		return &iam.ListPolicyVersionsInput{PolicyArn: new("arn:aws:iam::" + home + ":policy/the-policy"), Marker: m, MaxItems: n}
	}, func(o *iam.ListPolicyVersionsOutput) ([]string, bool, *string) {
		return each(o.Versions, func(v types.PolicyVersion) *string { return v.VersionId }), o.IsTruncated, o.Marker
	})
	for _, filter := range [][]types.EntityType{nil, {types.EntityTypeRole, types.EntityTypeUser}, {types.EntityTypeAWSManagedPolicy}} {
		all[fmt.Sprint("GetAccountAuthorizationDetails ", filter)] = of((*View).GetAccountAuthorizationDetails, func(m *string, n *int32) *iam.GetAccountAuthorizationDetailsInput {
			return &iam.GetAccountAuthorizationDetailsInput{Marker: m, MaxItems: n, Filter: filter}
		}, func(o *iam.GetAccountAuthorizationDetailsOutput) ([]string, bool, *string) {
			names := each(o.UserDetailList, func(u types.UserDetail) *string { return u.Arn })
			names = append(names, each(o.GroupDetailList, func(g types.GroupDetail) *string { return g.Arn })...)
			names = append(names, each(o.RoleDetailList, func(r types.RoleDetail) *string { return r.Arn })...)
			return append(names, each(o.Policies, func(p types.ManagedPolicyDetail) *string { return p.Arn })...), o.IsTruncated, o.Marker
		})
	}
	return all
}

func firstUser() *string { return new("U" + fmt.Sprint(townSize)) }

const townSize = 23

// All pages of a list together are the list, whatever their size: nothing
// twice, nothing left out, in the same order; only the last page has no marker.
func TestPagesAreTheList(t *testing.T) {
	v := view(town(townSize)...)
	for name, list := range lists() {
		t.Run(name, func(t *testing.T) {
			want, more, next, err := list(v, nil, new(int32(1000)))
			if err != nil || more || next != nil {
				t.Fatalf("in one: more %v, %v", more, err)
			}
			if none := strings.Contains(name, "/none/") || strings.HasSuffix(name, "Boundary"+"Group") || strings.Contains(name, "[AWSManagedPolicy]"); (len(want) == 0) != none {
				t.Fatalf("%d items", len(want))
			}
			seen := map[string]bool{}
			for _, item := range want {
				if seen[item] {
					t.Fatalf("%s comes twice", item)
				}
				seen[item] = true
			}
			rapid.Check(t, func(t *rapid.T) {
				var got []string
				var marker *string
				for {
					size := rapid.Int32Range(1, townSize+2).Draw(t, "size")
					items, more, next, err := list(v, marker, &size)
					if err != nil {
						t.Fatal(err)
					}
					if len(items) > int(size) || more != (next != nil) || more && len(items) == 0 {
						t.Fatalf("%d items on a page of %d, more %v, marker %v", len(items), size, more, next)
					}
					if next != nil && len(*next) > 320 {
						t.Fatalf("a marker of %d characters", len(*next))
					}
					got = append(got, items...)
					if !more {
						break
					}
					marker = next
				}
				slices.Sort(got) // an answer of several lists has no order over all of them
				sorted := slices.Sorted(slices.Values(want))
				if diff := cmp.Diff(sorted, got); diff != "" {
					t.Fatal(diff)
				}
			})
		})
	}
}

// Users come by name ignoring case, and a page has 100 of them if nobody says
// otherwise.
func TestOrderAndPageSize(t *testing.T) {
	var facts []events.Event
	for i, name := range []string{"b", "C", "a", "B2"} {
		facts = append(facts, events.UserCreated{ID: id("AIDA", i), Name: name, Path: "/"})
	}
	out, err := view(facts...).ListUsers(context.Background(), &iam.ListUsersInput{})
	if got := each(out.Users, func(u types.User) *string { return u.UserName }); err != nil || cmp.Diff([]string{"a", "b", "B2", "C"}, got) != "" {
		t.Errorf("got %v, %v", got, err)
	}
	facts = nil
	for i := range 101 {
		facts = append(facts, events.UserCreated{ID: id("AIDA", i), Name: fmt.Sprint("u", i), Path: "/"})
	}
	out, err = view(facts...).ListUsers(context.Background(), &iam.ListUsersInput{})
	if err != nil || len(out.Users) != 100 || !out.IsTruncated {
		t.Errorf("got %d users, %v", len(out.Users), err)
	}
}

// A filter that nothing passes costs a bounded look, and still ends.
func TestLookIsBounded(t *testing.T) {
	var facts []events.Event
	for i := range lookAt + 500 {
		facts = append(facts, events.UserCreated{ID: id("AIDA", i), Name: fmt.Sprint("u", i), Path: "/"})
	}
	facts = append(facts, events.UserCreated{ID: id("AIDA", -1), Name: "zz", Path: "/x/"})
	v := view(facts...)
	in := &iam.ListUsersInput{PathPrefix: new("/x/")}
	out, err := v.ListUsers(context.Background(), in)
	if err != nil || len(out.Users) != 0 || !out.IsTruncated {
		t.Fatalf("first look: %d users, more %v, %v", len(out.Users), out.IsTruncated, err)
	}
	in.Marker = out.Marker
	if out, err = v.ListUsers(context.Background(), in); err != nil || len(out.Users) != 1 || out.IsTruncated {
		t.Errorf("second look: %d users, more %v, %v", len(out.Users), out.IsTruncated, err)
	}
}

// A marker is good for its account, query and filter, for a day.
func TestMarkers(t *testing.T) {
	v := view(town(5)...)
	two := new(int32(2))
	out, err := v.ListUsers(context.Background(), &iam.ListUsersInput{MaxItems: two})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "ValidationError") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = v.ListGroups(context.Background(), &iam.ListGroupsInput{Marker: out.Marker})
	refused("another query", err)
	_, err = v.ListUsers(context.Background(), &iam.ListUsersInput{Marker: out.Marker, PathPrefix: new("/x/")})
	refused("another filter", err)
	elsewhere := *v
	elsewhere.Account = &projections.Account{ID: "444455556666"}
	_, err = elsewhere.ListUsers(context.Background(), &iam.ListUsersInput{Marker: out.Marker})
	refused("another account", err)
	for after, good := range map[time.Duration]bool{24 * time.Hour: true, 24*time.Hour + time.Second: false, -2 * time.Minute: false} {
		later := *v
		later.Now = v.Now.Add(after)
		if _, err = later.ListUsers(context.Background(), &iam.ListUsersInput{Marker: out.Marker}); good != (err == nil) {
			t.Errorf("after %v: %v", after, err)
		}
	}
	_, err = v.ListUsers(context.Background(), &iam.ListUsersInput{Marker: new("nonsense")})
	refused("nonsense", err)
}

// Whatever is sent as a marker is a position we sealed, or refused.
func FuzzMarker(f *testing.F) {
	v := view(town(3)...)
	sealed := v.Keys.SealMarker(home, "ListUsers\x00", append(binary.BigEndian.AppendUint64(nil, uint64(v.Now.Unix())), "u1"...))
	short := v.Keys.SealMarker(home, "ListUsers\x00", []byte("u1"))
	for _, seed := range []string{sealed, short, sealed[1:], sealed + "A", "", "AAAA", strings.ToLower(sealed)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, marker string) {
		at, err := v.position("ListUsers\x00", marker)
		if (err == nil) != (marker == sealed) || err == nil && at != "u1" {
			t.Errorf("%q opens as %q, %v", marker, at, err)
		}
	})
}
