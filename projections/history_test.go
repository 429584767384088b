package projections_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trails "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

const home = "111122223333"

// history is a World and the messages it came from.
type history struct {
	world *projections.World
	log   [][]byte // IDENTITY, message by message
	rand  *rand.ChaCha8
	keys  *seal.Keyring
	now   time.Time
}

func newHistory() *history {
	h := &history{world: &projections.World{}, rand: rand.NewChaCha8([32]byte{3}), keys: seal.New(), now: time.Date(2026, 11, 22, 8, 0, 0, 1, time.UTC)}
	h.append([]events.Event{events.AccountCreated{ID: home, Name: "main"}})
	return h
}

// append writes facts as the journal does, and folds what was written.
func (h *history) append(facts []events.Event) {
	h.now = h.now.Add(time.Second)
	batch := []byte{'['}
	for i, f := range facts {
		if i > 0 {
			batch = append(batch, ',')
		}
		data, err := json.Marshal(f)
		if err != nil {
			panic(err)
		}
		batch = events.Append(batch, &events.Header{ID: fmt.Sprint(len(h.log), "-", i), Partition: "aws", Account: home, Type: f.Type(), Time: h.now}, data)
	}
	h.log = append(h.log, append(batch, ']'))
	h.world.Apply(events.Unit{Seq: h.world.Seq + 1, Account: home, Time: h.now, Facts: facts})
}

// replayed is the World that comes from the log alone.
func (h *history) replayed(t interface{ Fatal(...any) }) *projections.World {
	w := &projections.World{}
	for i, batch := range h.log {
		u, err := events.DecodeUnit(uint64(i+1), home, batch)
		if err != nil {
			t.Fatal(err)
		}
		w.Apply(u)
	}
	return w
}

func (h *history) account() *projections.Account {
	a, _ := h.world.Account(home)
	return a
}

// try gives a command; it is refused or changes the World.
func try[I, O any](h *history, command func(*commands.Tx, context.Context, I) (O, error), in I) error {
	a := h.account()
	return tryAs(h, &projections.Caller{Type: projections.Root, Account: a, ARN: a.RootARN(), UserID: home}, command, in)
}

func tryAs[I, O any](h *history, who *projections.Caller, command func(*commands.Tx, context.Context, I) (O, error), in I) error {
	hashing := commands.NewHashing(h.rand, seal.Cost{Memory: 8, Time: 1, Threads: 1})
	for {
		tx := &commands.Tx{World: h.world, Account: h.account(), Now: h.now, Rand: h.rand, Keys: h.keys, Region: "us-east-1", Caller: who, Hashing: hashing}
		_, err := command(tx, context.Background(), in)
		if w, ok := hashing.Next(); ok {
			hashing.Did(w, w.Do())
			continue
		}
		if err != nil {
			tx.Facts = nil
		}
		if facts := append(tx.Anyway, tx.Facts...); len(facts) > 0 {
			h.append(facts)
		}
		return err
	}
}

const (
	allow1 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:List*","Resource":"*"}]}`
	allow2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}]}`
)

func trusting(arn string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"sts:AssumeRole"}]}`
}

func granting(who string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:` + who + `"},"Action":"s3:GetObject","Resource":"*"}]}`
}

func policyARN(name string) *string { return new("arn:aws:iam::" + home + ":policy/" + name) }

func serial(device string) *string { return new("arn:aws:iam::" + home + ":mfa/" + device) }

// code is what a device shows, so many steps from now.
func (h *history) code(d *projections.MFADevice, steps int) string {
	seed, err := h.keys.Open(home, d.ID, "seed", d.Seed)
	if err != nil {
		panic(err)
	}
	c, err := seal.Code(seed, int(h.now.Unix()/seal.CodeStep)+steps)
	if err != nil {
		panic(err)
	}
	return c.Reveal()
}

// enable makes a device a user's, by codes of it if there is one.
func (h *history) enable(device, user string, steps int) error {
	in := &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: serial(device), AuthenticationCode1: new("000000"), AuthenticationCode2: new("000000")}
	if d, ok := h.account().MFADeviceNamed(device); ok {
		in.AuthenticationCode1, in.AuthenticationCode2 = new(h.code(d, steps)), new(h.code(d, steps+1))
	}
	return try(h, (*commands.Tx).EnableMFADevice, in)
}

// step gives one random command. There are few names, some of them the same
// but for case, so that most commands meet something.
func (h *history) step(t *rapid.T) {
	pick := func(what string, from ...string) *string { return new(rapid.SampledFrom(from).Draw(t, what)) }
	user := func() *string { return pick("user", "a", "A", "b", "c") }
	group := func() *string { return pick("group", "g", "G", "h") }
	role := func() *string { return pick("role", "r", "R", "q") }
	profile := func() *string { return pick("profile", "p", "P", "o") }
	inline := func() *string { return pick("inline", "i", "I", "j") }
	named := func() *string { return pick("policy", "x", "X", "y") }
	arn := func() *string {
		return pick("arn", *policyARN("x"), *policyARN("y"), *policyARN("X"), "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AWSDenyAll")
	}
	document := func() *string { return pick("document", allow1, allow2) }
	trust := func() *string {
		return pick("trust", trusting("arn:aws:iam::"+home+":root"), trusting("arn:aws:iam::"+home+":user/a"), trusting("arn:aws:iam::"+home+":role/q"))
	}
	path := func() *string { return pick("path", "/", "/x/", "/x/y/") }
	tags := func() []types.Tag {
		return []types.Tag{{Key: pick("key", "k", "K", "l"), Value: pick("value", "1", "2")}}
	}
	keys := func() []string { return []string{*pick("key", "k", "K", "l")} }
	device := func() *string { return pick("device", "d", "D", "e") }
	password := func() *string { return pick("password", "Passw0rd!", "Pa55word!", "short") }
	url := func() *string { return pick("url", "id.example.com", "ID.example.com", "id.example.com/a") }
	client := func() *string { return pick("client", "web", "app") }
	oidc := func() *string { return new("arn:aws:iam::" + home + ":oidc-provider/" + *url()) }
	saml := func() *string { return new("arn:aws:iam::" + home + ":saml-provider/" + *pick("saml", "s", "S", "t")) }
	metadata := func() *string { return new(samlMetadata(*pick("issuer", "one", "two"))) }
	version := func() *string { return pick("version", "v1", "v2", "v3") }
	resource := func() *string {
		return pick("resource", "arn:aws:s3:::b", "arn:aws:s3:::b/x", "arn:aws:s3:::c", "arn:aws:sqs:us-east-1:"+home+":q")
	}
	key := func(user string) *string {
		if u, ok := h.account().User(user); ok && len(u.Keys) > 0 {
			return &u.Keys[rapid.IntRange(0, len(u.Keys)-1).Draw(t, "key")]
		}
		return new("AKIAQEAAAAAAAAAAAAAA")
	}

	type tx = commands.Tx
	all := []func() error{
		func() error {
			return try(h, (*tx).CreateUser, &iam.CreateUserInput{UserName: user(), Path: path(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).CreateUser, &iam.CreateUserInput{UserName: user(), PermissionsBoundary: arn()})
		},
		func() error {
			return try(h, (*tx).UpdateUser, &iam.UpdateUserInput{UserName: user(), NewUserName: user(), NewPath: path()})
		},
		func() error { return try(h, (*tx).DeleteUser, &iam.DeleteUserInput{UserName: user()}) },
		func() error { return try(h, (*tx).TagUser, &iam.TagUserInput{UserName: user(), Tags: tags()}) },
		func() error { return try(h, (*tx).UntagUser, &iam.UntagUserInput{UserName: user(), TagKeys: keys()}) },
		func() error {
			return try(h, (*tx).AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: user(), PolicyArn: arn()})
		},
		func() error {
			return try(h, (*tx).DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: user(), PolicyArn: arn()})
		},
		func() error {
			return try(h, (*tx).PutUserPolicy, &iam.PutUserPolicyInput{UserName: user(), PolicyName: inline(), PolicyDocument: document()})
		},
		func() error {
			return try(h, (*tx).DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: user(), PolicyName: inline()})
		},
		func() error {
			return try(h, (*tx).PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: user(), PermissionsBoundary: arn()})
		},
		func() error {
			return try(h, (*tx).DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: user()})
		},
		func() error { return try(h, (*tx).CreateAccessKey, &iam.CreateAccessKeyInput{UserName: user()}) },
		func() error { return try(h, (*tx).CreateAccessKey, &iam.CreateAccessKeyInput{}) },
		func() error {
			u := user()
			return try(h, (*tx).UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: u, AccessKeyId: key(*u), Status: types.StatusType(*pick("status", "Active", "Inactive"))})
		},
		func() error {
			u := user()
			return try(h, (*tx).DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: u, AccessKeyId: key(*u)})
		},
		func() error {
			return try(h, (*tx).UpdateAccountPasswordPolicy, &iam.UpdateAccountPasswordPolicyInput{
				AllowUsersToChangePassword: *user() == "a", PasswordReusePrevention: new(int32(len(*path()))), RequireNumbers: *user() == "b"})
		},
		func() error {
			return try(h, (*tx).DeleteAccountPasswordPolicy, &iam.DeleteAccountPasswordPolicyInput{})
		},
		func() error {
			return try(h, (*tx).CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: user(), Password: password(), PasswordResetRequired: *user() == "a"})
		},
		func() error {
			return try(h, (*tx).UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: user(), Password: password(), PasswordResetRequired: new(*user() == "a")})
		},
		func() error {
			return try(h, (*tx).DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: user()})
		},
		func() error {
			u, ok := h.account().User(*user())
			if !ok {
				return nil
			}
			who := &projections.Caller{Type: projections.IAMUser, Account: h.account(), User: u, ARN: u.ARN(h.account()), UserID: u.ID}
			return tryAs(h, who, (*tx).ChangePassword, &iam.ChangePasswordInput{OldPassword: password(), NewPassword: password()})
		},
		func() error {
			return try(h, (*tx).CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: device(), Tags: tags()})
		},
		func() error { return h.enable(*device(), *user(), rapid.IntRange(-3, 3).Draw(t, "steps")) },
		func() error {
			return try(h, (*tx).DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: pick("whose", "a", "b", home), SerialNumber: serial(*device())})
		},
		func() error {
			return try(h, (*tx).DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: serial(*device())})
		},
		func() error {
			return try(h, (*tx).TagMFADevice, &iam.TagMFADeviceInput{SerialNumber: serial(*device()), Tags: tags()})
		},
		func() error {
			u, ok := h.account().User(*user())
			if !ok || len(u.MFA) == 0 {
				return nil
			}
			d, _ := h.account().MFADeviceByID(u.MFA[0])
			who := &projections.Caller{Type: projections.IAMUser, Account: h.account(), User: u, ARN: u.ARN(h.account()), UserID: u.ID}
			code := h.code(d, rapid.IntRange(-3, 3).Draw(t, "steps"))
			return tryAs(h, who, func(x *tx, _ context.Context, code string) (*struct{}, error) {
				return nil, x.Factor(serial(d.Name), &code)
			}, code)
		},
		func() error { return try(h, (*tx).CreateGroup, &iam.CreateGroupInput{GroupName: group()}) },
		func() error {
			return try(h, (*tx).UpdateGroup, &iam.UpdateGroupInput{GroupName: group(), NewGroupName: group(), NewPath: path()})
		},
		func() error { return try(h, (*tx).DeleteGroup, &iam.DeleteGroupInput{GroupName: group()}) },
		func() error {
			return try(h, (*tx).AddUserToGroup, &iam.AddUserToGroupInput{GroupName: group(), UserName: user()})
		},
		func() error {
			return try(h, (*tx).RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: group(), UserName: user()})
		},
		func() error {
			return try(h, (*tx).AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: group(), PolicyArn: arn()})
		},
		func() error {
			return try(h, (*tx).DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: group(), PolicyArn: arn()})
		},
		func() error {
			return try(h, (*tx).PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: group(), PolicyName: inline(), PolicyDocument: document()})
		},
		func() error {
			return try(h, (*tx).DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: group(), PolicyName: inline()})
		},
		func() error {
			return try(h, (*tx).CreateRole, &iam.CreateRoleInput{RoleName: role(), AssumeRolePolicyDocument: trust(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).UpdateRole, &iam.UpdateRoleInput{RoleName: role(), Description: path()})
		},
		func() error {
			return try(h, (*tx).UpdateRoleDescription, &iam.UpdateRoleDescriptionInput{RoleName: role(), Description: path()})
		},
		func() error {
			return try(h, (*tx).UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: role(), PolicyDocument: trust()})
		},
		func() error { return try(h, (*tx).DeleteRole, &iam.DeleteRoleInput{RoleName: role()}) },
		func() error { return try(h, (*tx).TagRole, &iam.TagRoleInput{RoleName: role(), Tags: tags()}) },
		func() error { return try(h, (*tx).UntagRole, &iam.UntagRoleInput{RoleName: role(), TagKeys: keys()}) },
		func() error {
			return try(h, (*tx).AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: role(), PolicyArn: arn()})
		},
		func() error {
			return try(h, (*tx).DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: role(), PolicyArn: arn()})
		},
		func() error {
			return try(h, (*tx).PutRolePolicy, &iam.PutRolePolicyInput{RoleName: role(), PolicyName: inline(), PolicyDocument: document()})
		},
		func() error {
			return try(h, (*tx).DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: role(), PolicyName: inline()})
		},
		func() error {
			return try(h, (*tx).PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: role(), PermissionsBoundary: arn()})
		},
		func() error {
			return try(h, (*tx).DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: role()})
		},
		func() error {
			return try(h, (*tx).CreatePolicy, &iam.CreatePolicyInput{PolicyName: named(), PolicyDocument: document(), Tags: tags()})
		},
		func() error { return try(h, (*tx).DeletePolicy, &iam.DeletePolicyInput{PolicyArn: arn()}) },
		func() error {
			return try(h, (*tx).CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: arn(), PolicyDocument: document(), SetAsDefault: rapid.Bool().Draw(t, "default")})
		},
		func() error {
			return try(h, (*tx).DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: arn(), VersionId: version()})
		},
		func() error {
			return try(h, (*tx).SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn(), VersionId: version()})
		},
		func() error { return try(h, (*tx).TagPolicy, &iam.TagPolicyInput{PolicyArn: arn(), Tags: tags()}) },
		func() error {
			return try(h, (*tx).UntagPolicy, &iam.UntagPolicyInput{PolicyArn: arn(), TagKeys: keys()})
		},
		func() error {
			return try(h, (*tx).CreateInstanceProfile, &iam.CreateInstanceProfileInput{InstanceProfileName: profile(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).DeleteInstanceProfile, &iam.DeleteInstanceProfileInput{InstanceProfileName: profile()})
		},
		func() error {
			return try(h, (*tx).AddRoleToInstanceProfile, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: profile(), RoleName: role()})
		},
		func() error {
			return try(h, (*tx).RemoveRoleFromInstanceProfile, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: profile(), RoleName: role()})
		},
		func() error {
			return try(h, (*tx).TagInstanceProfile, &iam.TagInstanceProfileInput{InstanceProfileName: profile(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).UntagInstanceProfile, &iam.UntagInstanceProfileInput{InstanceProfileName: profile(), TagKeys: keys()})
		},
		func() error {
			return try(h, (*tx).CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: new("https://" + *url()), ClientIDList: []string{*client()}, Tags: tags()})
		},
		func() error {
			return try(h, (*tx).AddClientIDToOpenIDConnectProvider, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc(), ClientID: client()})
		},
		func() error {
			return try(h, (*tx).RemoveClientIDFromOpenIDConnectProvider, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc(), ClientID: client()})
		},
		func() error {
			return try(h, (*tx).UpdateOpenIDConnectProviderThumbprint, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: oidc(), ThumbprintList: []string{strings.Repeat(*pick("thumb", "a", "b"), 40)}})
		},
		func() error {
			return try(h, (*tx).DeleteOpenIDConnectProvider, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc()})
		},
		func() error {
			return try(h, (*tx).TagOpenIDConnectProvider, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).UntagOpenIDConnectProvider, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc(), TagKeys: keys()})
		},
		func() error {
			return try(h, (*tx).CreateSAMLProvider, &iam.CreateSAMLProviderInput{Name: pick("saml", "s", "S", "t"), SAMLMetadataDocument: metadata(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).UpdateSAMLProvider, &iam.UpdateSAMLProviderInput{SAMLProviderArn: saml(), SAMLMetadataDocument: metadata(), AddPrivateKey: new(samlKey()), AssertionEncryptionMode: types.AssertionEncryptionModeTypeRequired})
		},
		func() error {
			in := &iam.UpdateSAMLProviderInput{SAMLProviderArn: saml(), AssertionEncryptionMode: types.AssertionEncryptionModeTypeAllowed}
			if p, ok := h.account().SAMLProvider("s"); ok && len(p.Keys) > 0 {
				in.RemovePrivateKey = &p.Keys[0].ID
			}
			return try(h, (*tx).UpdateSAMLProvider, in)
		},
		func() error {
			return try(h, (*tx).DeleteSAMLProvider, &iam.DeleteSAMLProviderInput{SAMLProviderArn: saml()})
		},
		func() error {
			return try(h, (*tx).TagSAMLProvider, &iam.TagSAMLProviderInput{SAMLProviderArn: saml(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).UntagSAMLProvider, &iam.UntagSAMLProviderInput{SAMLProviderArn: saml(), TagKeys: keys()})
		},
		func() error {
			return try(h, (*tx).CreateAccountAlias, &iam.CreateAccountAliasInput{AccountAlias: pick("alias", "acme", "acme-2")})
		},
		func() error {
			return try(h, (*tx).DeleteAccountAlias, &iam.DeleteAccountAliasInput{AccountAlias: pick("alias", "acme", "acme-2")})
		},
		func() error {
			return try(h, (*tx).PutResource, &commands.PutResourceInput{ResourceArn: *resource(), Policy: pick("policy", "", granting("user/a"), granting("root")), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).PutResource, &commands.PutResourceInput{ResourceArn: *resource()})
		},
		func() error {
			return try(h, (*tx).TagResource, &commands.TagResourceInput{ResourceArn: *resource(), Tags: tags()})
		},
		func() error {
			return try(h, (*tx).UntagResource, &commands.UntagResourceInput{ResourceArn: *resource(), TagKeys: keys()})
		},
		func() error {
			return try(h, (*tx).DeleteResource, &commands.DeleteResourceInput{ResourceArn: *resource()})
		},
	}
	trail := func() *string { return pick("trail", "one", "two", "keytrail") }
	trailTag := func() []trails.Tag {
		return []trails.Tag{{Key: pick("key", "k", "K", "l"), Value: pick("value", "1", "2")}}
	}
	all = append(all,
		func() error {
			return try(h, (*tx).CreateTrail, &cloudtrail.CreateTrailInput{Name: trail(), S3BucketName: pick("bucket", "logs", "logs-2"), TagsList: trailTag()})
		},
		func() error {
			return try(h, (*tx).UpdateTrail, &cloudtrail.UpdateTrailInput{Name: trail(), S3KeyPrefix: pick("prefix", "p", "q/r"), IsMultiRegionTrail: new(rapid.Bool().Draw(t, "multi"))})
		},
		func() error { return try(h, (*tx).DeleteTrail, &cloudtrail.DeleteTrailInput{Name: trail()}) },
		func() error { return try(h, (*tx).StartLogging, &cloudtrail.StartLoggingInput{Name: trail()}) },
		func() error { return try(h, (*tx).StopLogging, &cloudtrail.StopLoggingInput{Name: trail()}) },
		func() error {
			return try(h, (*tx).PutEventSelectors, &cloudtrail.PutEventSelectorsInput{TrailName: trail(), EventSelectors: []trails.EventSelector{{ReadWriteType: "WriteOnly"}}})
		},
		func() error {
			return try(h, (*tx).PutEventSelectors, &cloudtrail.PutEventSelectorsInput{TrailName: trail(), AdvancedEventSelectors: []trails.AdvancedEventSelector{{
				FieldSelectors: []trails.AdvancedFieldSelector{{Field: new("eventCategory"), Equals: []string{"Management"}}, {Field: new("readOnly"), Equals: []string{"true"}}},
			}}})
		},
		func() error {
			return try(h, (*tx).AddTags, &cloudtrail.AddTagsInput{ResourceId: new("arn:aws:cloudtrail:us-east-1:" + home + ":trail/" + *trail()), TagsList: trailTag()})
		},
		func() error {
			return try(h, (*tx).RemoveTags, &cloudtrail.RemoveTagsInput{ResourceId: new("arn:aws:cloudtrail:us-east-1:" + home + ":trail/" + *trail()), TagsList: trailTag()})
		},
	)
	err := all[rapid.IntRange(0, len(all)-1).Draw(t, "command")]()
	var refusal smithy.APIError
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("an error that is not for clients: %v", err)
	}
}

// fill gives commands that make one of everything, so that random ones meet it.
func (h *history) fill(t *rapid.T) {
	for range rapid.IntRange(30, 150).Draw(t, "steps") {
		h.step(t)
	}
}

func dumped(t interface{ Fatal(...any) }, w *projections.World) []byte {
	var b bytes.Buffer
	if err := w.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packed(t interface{ Fatal(...any) }, w *projections.World) []byte {
	var b bytes.Buffer
	if err := w.Pack(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t interface{ Fatal(...any) }, pack []byte) *projections.World {
	w, err := projections.Unpack(pack)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Whatever was commanded: the World that comes from the written facts is the
// one that answered, a pack gives it back, indexes and all, and a frozen copy
// stays what it was.
func TestWorldIsItsHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		h.fill(t)
		before, indexes := dumped(t, h.world), h.world.Indexes()
		frozen := h.world.Freeze()
		h.fill(t)
		if diff := cmp.Diff(string(before), string(dumped(t, frozen))) + cmp.Diff(indexes, frozen.Indexes()); diff != "" {
			t.Fatalf("a frozen World moved:\n%s", diff)
		}
		// Nor does the copy move the original.
		after := h.world.Hash()
		frozen.Apply(events.Unit{Seq: frozen.Seq + 1, Account: home, Facts: []events.Event{
			events.UserCreated{ID: "AIDAQEAAAAAAAAAAAAAA1", Name: "z", Path: "/"}, events.AccountAliasCreated{Alias: "z"}}})
		if h.world.Hash() != after {
			t.Fatal("a World moved with its copy")
		}

		dump := dumped(t, h.world)
		again := h.replayed(t)
		if diff := cmp.Diff(string(dump), string(dumped(t, again))); diff != "" {
			t.Fatalf("replay gives another World (-live +replayed):\n%s", diff)
		}
		if again.Hash() != after {
			t.Fatal("equal dumps, different hashes")
		}
		back := unpacked(t, packed(t, h.world))
		if diff := cmp.Diff(string(dump), string(dumped(t, back))); diff != "" {
			t.Fatalf("a dump loads as another World:\n%s", diff)
		}
		if diff := cmp.Diff(h.world.Indexes(), back.Indexes()); diff != "" {
			t.Fatalf("indexes (-live +computed anew):\n%s", diff)
		}
	})
}

// callers are all who could ask: each user and each role.
// Keys of sessions are different in each World: what a session was granted is
// kept by its key.
func callers(w *projections.World, key string) (all []*projections.Caller) {
	a, _ := w.Account(home)
	for _, u := range a.UsersAfter("") {
		all = append(all, &projections.Caller{Type: projections.IAMUser, Account: a, User: u, ARN: u.ARN(a)})
	}
	for _, r := range a.RolesAfter("") {
		c := &projections.Caller{Type: projections.AssumedRole, Account: a, Role: r, ARN: r.ARN(a)}
		session := *c
		session.AccessKeyID = key + r.ID[4:] // as long as the role lives, its session claims the same
		session.Session = &projections.Session{Policies: []string{allow1}, PolicyARNs: []string{*policyARN("x"), "arn:aws:iam::aws:policy/AWSDenyAll"}}
		all = append(all, c, &session)
	}
	return all
}

// The judge sees what the World says now, whatever it has kept from before.
func TestPoliciesAreNeverOld(t *testing.T) {
	held := projections.Hold(allow1) // sessions keep what they compiled, not the document
	defer runtime.KeepAlive(held)
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		for range rapid.IntRange(5, 15).Draw(t, "rounds") {
			for range rapid.IntRange(1, 12).Draw(t, "steps") {
				h.step(t)
			}
			fresh := unpacked(t, packed(t, h.world))
			now, anew := callers(h.world, fmt.Sprintf("ASIA %p", h)), callers(fresh, fmt.Sprintf("ASIA %p", fresh))
			for i := range now {
				got := h.world.Policies(now[i])
				if again := h.world.Policies(now[i]); again != got {
					t.Fatalf("%s: what was kept is not used", now[i].ARN)
				}
				want := fresh.Policies(anew[i])
				// Equal documents are one Document, so their compiled forms are one pointer.
				if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *policy.Policy) bool { return a == b })); diff != "" {
					t.Fatalf("%s (-now +kept):\n%s", now[i].ARN, diff)
				}
			}
		}
	})
}

// Everything can be deleted in the documented order, and what still holds
// something says so. Then nothing is left, not even in an index.
func TestEverythingCanBeDeleted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		h.fill(t)
		type tx = commands.Tx
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		// conflicts holds a refusal against whether there is a reason for it.
		conflicts := func(what string, held bool, err error) {
			t.Helper()
			var c *types.DeleteConflictException
			if held != errors.As(err, &c) || !held && err != nil {
				t.Fatalf("%s: held %v, but answered %v", what, held, err)
			}
		}
		a := h.account
		arn := func(id string) *string { p, _ := a().PolicyByID(id); return &p.ARN }
		frozen, _ := h.world.Freeze().Account(home) // stands still while we delete
		for _, p := range frozen.InstanceProfilesAfter("") {
			if r, ok := a().RoleByID(p.Role); ok {
				conflicts(p.Name, true, try(h, (*tx).DeleteInstanceProfile, &iam.DeleteInstanceProfileInput{InstanceProfileName: &p.Name}))
				conflicts(r.Name, true, try(h, (*tx).DeleteRole, &iam.DeleteRoleInput{RoleName: &r.Name}))
				must(try(h, (*tx).RemoveRoleFromInstanceProfile, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: &p.Name, RoleName: &r.Name}))
			}
			must(try(h, (*tx).DeleteInstanceProfile, &iam.DeleteInstanceProfileInput{InstanceProfileName: &p.Name}))
		}
		for _, p := range frozen.PoliciesAfter("") {
			if use := a().Use(p.ID); use.Attached+use.Bounded > 0 || len(p.Versions) > 1 {
				conflicts(p.Name, true, try(h, (*tx).DeletePolicy, &iam.DeletePolicyInput{PolicyArn: &p.ARN}))
			}
		}
		for _, u := range frozen.UsersAfter("") {
			del := func() error { return try(h, (*tx).DeleteUser, &iam.DeleteUserInput{UserName: &u.Name}) }
			for _, id := range u.Attached {
				conflicts(u.Name, true, del())
				must(try(h, (*tx).DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: &u.Name, PolicyArn: arn(id)}))
			}
			for _, p := range u.Inline {
				conflicts(u.Name, true, del())
				must(try(h, (*tx).DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: &u.Name, PolicyName: &p.Name}))
			}
			for _, id := range u.Groups {
				conflicts(u.Name, true, del())
				g, _ := a().GroupByID(id)
				conflicts(g.Name, true, try(h, (*tx).DeleteGroup, &iam.DeleteGroupInput{GroupName: &g.Name}))
				must(try(h, (*tx).RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: &g.Name, UserName: &u.Name}))
			}
			for _, id := range u.Keys {
				conflicts(u.Name, true, del())
				must(try(h, (*tx).DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: &u.Name, AccessKeyId: &id}))
			}
			for _, id := range u.MFA {
				conflicts(u.Name, true, del())
				d, _ := a().MFADeviceByID(id)
				conflicts(d.Name, true, try(h, (*tx).DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: serial(d.Name)}))
				must(try(h, (*tx).DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: &u.Name, SerialNumber: serial(d.Name)}))
			}
			if u.Login != nil {
				conflicts(u.Name, true, del())
				must(try(h, (*tx).DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: &u.Name}))
			}
			must(del())
		}
		for _, g := range frozen.GroupsAfter("") {
			del := func() error { return try(h, (*tx).DeleteGroup, &iam.DeleteGroupInput{GroupName: &g.Name}) }
			for _, id := range g.Attached {
				conflicts(g.Name, true, del())
				must(try(h, (*tx).DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: &g.Name, PolicyArn: arn(id)}))
			}
			for _, p := range g.Inline {
				conflicts(g.Name, true, del())
				must(try(h, (*tx).DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: &g.Name, PolicyName: &p.Name}))
			}
			must(del())
		}
		for _, r := range frozen.RolesAfter("") {
			del := func() error { return try(h, (*tx).DeleteRole, &iam.DeleteRoleInput{RoleName: &r.Name}) }
			for _, id := range r.Attached {
				conflicts(r.Name, true, del())
				must(try(h, (*tx).DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: &r.Name, PolicyArn: arn(id)}))
			}
			for _, p := range r.Inline {
				conflicts(r.Name, true, del())
				must(try(h, (*tx).DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: &r.Name, PolicyName: &p.Name}))
			}
			must(del())
		}
		for _, p := range frozen.PoliciesAfter("") {
			for _, v := range p.Versions {
				if v.Number != p.Default {
					conflicts(p.Name, true, try(h, (*tx).DeletePolicy, &iam.DeletePolicyInput{PolicyArn: &p.ARN}))
					must(try(h, (*tx).DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: &p.ARN, VersionId: new(v.ID())}))
				}
			}
			must(try(h, (*tx).DeletePolicy, &iam.DeletePolicyInput{PolicyArn: &p.ARN}))
		}
		for _, d := range frozen.MFADevicesAfter("") {
			if d.User == home {
				must(try(h, (*tx).DeactivateMFADevice, &iam.DeactivateMFADeviceInput{SerialNumber: serial(d.Name)}))
			}
			must(try(h, (*tx).DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: serial(d.Name)}))
		}
		for _, id := range frozen.RootKeys {
			must(try(h, (*tx).DeleteAccessKey, &iam.DeleteAccessKeyInput{AccessKeyId: &id}))
		}
		for _, p := range frozen.OIDCProvidersAfter("") {
			must(try(h, (*tx).DeleteOpenIDConnectProvider, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: new(p.ARN(frozen))}))
		}
		for _, p := range frozen.SAMLProvidersAfter("") {
			must(try(h, (*tx).DeleteSAMLProvider, &iam.DeleteSAMLProviderInput{SAMLProviderArn: new(p.ARN(frozen))}))
		}
		if frozen.Alias != "" {
			must(try(h, (*tx).DeleteAccountAlias, &iam.DeleteAccountAliasInput{AccountAlias: &frozen.Alias}))
		}
		for arn := range frozen.ResourcesUnder("", "") {
			must(try(h, (*tx).DeleteResource, &commands.DeleteResourceInput{ResourceArn: arn}))
		}
		left := a()
		if n := left.Users() + left.Groups() + left.Roles() + left.Policies() + left.InstanceProfiles() + left.MFADevices() +
			left.OIDCProviders() + left.SAMLProviders() + left.Resources() + h.world.Keys(); n != 0 {
			t.Errorf("%d entities are left", n)
		}
		if left := h.world.Indexes(); len(left) > 0 {
			t.Errorf("indexes are left: %s", strings.Join(left, "\n"))
		}
	})
}
