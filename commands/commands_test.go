package commands

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	allowList = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:List*","Resource":"*"}]}`
	denyAll   = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	trustHome = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`
	readARN   = "arn:aws:iam::111122223333:policy/read"
	adminARN  = "arn:aws:iam::aws:policy/AdministratorAccess"
)

func trusting(arn string) string {
	return strings.Replace(trustHome, "arn:aws:iam::111122223333:root", arn, 1)
}

func sized(n int) string { // a document of n characters
	head, tail := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:List*","Resource":"arn:aws:s3:::`, `"}]}`
	return head + strings.Repeat("a", n-len(head)-len(tail)) + tail
}

func newUser(name string) call {
	return do((*Tx).CreateUser, &iam.CreateUserInput{UserName: &name})
}
func newGroup(name string) call {
	return do((*Tx).CreateGroup, &iam.CreateGroupInput{GroupName: &name})
}
func newRole(name string) call {
	return do((*Tx).CreateRole, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: s(trustHome)})
}
func newPolicy(name string) call {
	return do((*Tx).CreatePolicy, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: s(allowList)})
}
func newVersion(asDefault bool) call {
	return do((*Tx).CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: s(readARN), PolicyDocument: s(denyAll), SetAsDefault: asDefault})
}
func newKey(user string) call {
	return do((*Tx).CreateAccessKey, &iam.CreateAccessKeyInput{UserName: &user})
}
func newProfile(name string) call {
	return do((*Tx).CreateInstanceProfile, &iam.CreateInstanceProfileInput{InstanceProfileName: &name})
}
func join(group, user string) call {
	return do((*Tx).AddUserToGroup, &iam.AddUserToGroupInput{GroupName: &group, UserName: &user})
}
func attachUser(user, arn string) call {
	return do((*Tx).AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &arn})
}
func putUser(user, name, document string) call {
	return do((*Tx).PutUserPolicy, &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &document})
}
func boundUser(user, arn string) call {
	return do((*Tx).PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: &user, PermissionsBoundary: &arn})
}
func tagUser(user string, kv ...string) call {
	return do((*Tx).TagUser, &iam.TagUserInput{UserName: &user, Tags: tags(kv...)})
}
func delUser(user string) call {
	return do((*Tx).DeleteUser, &iam.DeleteUserInput{UserName: &user})
}
func hold(profile, role string) call {
	return do((*Tx).AddRoleToInstanceProfile, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &profile, RoleName: &role})
}

func tags(kv ...string) (out []types.Tag) {
	for i := 0; i < len(kv); i += 2 {
		out = append(out, types.Tag{Key: &kv[i], Value: &kv[i+1]})
	}
	return out
}

func times(n int, c func(i int) call) (out []call) {
	for i := range n {
		out = append(out, c(i))
	}
	return out
}

func letter(i int) string { return string(rune('a' + i)) }

func TestUsers(t *testing.T) {
	update := func(name string, to, path *string) call {
		return do((*Tx).UpdateUser, &iam.UpdateUserInput{UserName: &name, NewUserName: to, NewPath: path})
	}
	tell(t, []story{
		{name: "create", when: newUser("ana"), facts: []string{`iam.user.created.v1 {"id":"AIDA1","name":"ana","path":"/"}`}},
		{name: "create with everything", given: []call{newPolicy("read")},
			when:  do((*Tx).CreateUser, &iam.CreateUserInput{UserName: s("ana"), Path: s("/x/"), PermissionsBoundary: s(readARN), Tags: tags("k", "v")}),
			facts: []string{`iam.user.created.v1 {"id":"AIDA1","name":"ana","path":"/x/","tags":[{"k":"k","v":"v"}]}`, `iam.boundary.put.v1 {"on":"AIDA1","policy":"ANPA1","arn":"` + readARN + `"}`}},
		{name: "create a case twin", given: []call{newUser("Ana")}, when: newUser("aNA"), err: "EntityAlreadyExists: User with name Ana already exists."},
		{name: "create with duplicate tags", when: do((*Tx).CreateUser, &iam.CreateUserInput{UserName: s("ana"), Tags: tags("k", "v", "K", "w")}),
			err: "InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{name: "create with a missing boundary", when: do((*Tx).CreateUser, &iam.CreateUserInput{UserName: s("ana"), PermissionsBoundary: s(readARN)}),
			err: "NoSuchEntity: Scope ARN: " + readARN + " does not exist or is not attachable."},
		{name: "create with a bad boundary", when: do((*Tx).CreateUser, &iam.CreateUserInput{UserName: s("ana"), PermissionsBoundary: s("arn:aws:iam::1:user/a")}),
			err: "InvalidInput: Value (arn:aws:iam::1:user/a) for parameter PermissionsBoundary is invalid."},
		{name: "rename", given: []call{newUser("ana")}, when: update("ANA", s("Bea"), nil), facts: []string{`iam.user.renamed.v1 {"id":"AIDA1","name":"Bea","path":"/"}`}},
		{name: "move", given: []call{newUser("ana")}, when: update("ana", nil, s("/x/")), facts: []string{`iam.user.renamed.v1 {"id":"AIDA1","name":"ana","path":"/x/"}`}},
		{name: "rename to its own case twin", given: []call{newUser("ana")}, when: update("ana", s("ANA"), nil), facts: []string{`iam.user.renamed.v1 {"id":"AIDA1","name":"ANA","path":"/"}`}},
		{name: "rename to the same", given: []call{newUser("ana")}, when: update("ana", s("ana"), s("/"))},
		{name: "rename to another's case twin", given: []call{newUser("ana"), newUser("bea")}, when: update("ana", s("BEA"), nil), err: "EntityAlreadyExists: User with name bea already exists."},
		{name: "rename nobody", when: update("ana", s("b"), nil), err: "NoSuchEntity: The user with name ana cannot be found."},
		{name: "delete", given: []call{newPolicy("read"), newUser("ana"), boundUser("ana", readARN)}, when: delUser("ANA"), facts: []string{`iam.user.deleted.v1 {"id":"AIDA1"}`}},
		{name: "delete nobody", when: delUser("ana"), err: "NoSuchEntity: The user with name ana cannot be found."},
		{name: "delete: policies before all", given: []call{newUser("ana"), newGroup("g"), join("g", "ana"), newKey("ana"), putUser("ana", "p", allowList), attachUser("ana", adminARN)},
			when: delUser("ana"), err: "DeleteConflict: Cannot delete entity, must detach all policies first."},
		{name: "delete: then inline policies", given: []call{newUser("ana"), newGroup("g"), join("g", "ana"), newKey("ana"), putUser("ana", "p", allowList)},
			when: delUser("ana"), err: "DeleteConflict: Cannot delete entity, must delete policies first."},
		{name: "delete: then groups", given: []call{newUser("ana"), newGroup("g"), join("g", "ana"), newKey("ana")},
			when: delUser("ana"), err: "DeleteConflict: Cannot delete entity, must remove users from group first."},
		{name: "delete: then keys", given: []call{newUser("ana"), newKey("ana")}, when: delUser("ana"), err: "DeleteConflict: Cannot delete entity, must delete access keys first."},
	})
}

func TestGroups(t *testing.T) {
	update := func(name string, to *string) call {
		return do((*Tx).UpdateGroup, &iam.UpdateGroupInput{GroupName: &name, NewGroupName: to})
	}
	del := do((*Tx).DeleteGroup, &iam.DeleteGroupInput{GroupName: s("g")})
	leave := do((*Tx).RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: s("G"), UserName: s("ana")})
	both := []call{newGroup("g"), newUser("ana")}
	tell(t, []story{
		{name: "create", when: newGroup("g"), facts: []string{`iam.group.created.v1 {"id":"AGPA1","name":"g","path":"/"}`}},
		{name: "create a case twin", given: []call{newGroup("g")}, when: newGroup("G"), err: "EntityAlreadyExists: Group with name g already exists."},
		{name: "rename", given: []call{newGroup("g")}, when: update("g", s("h")), facts: []string{`iam.group.renamed.v1 {"id":"AGPA1","name":"h","path":"/"}`}},
		{name: "rename to another", given: []call{newGroup("g"), newGroup("h")}, when: update("g", s("H")), err: "EntityAlreadyExists: Group with name h already exists."},
		{name: "rename nothing", when: update("g", s("h")), err: "NoSuchEntity: The group with name g cannot be found."},
		{name: "join", given: both, when: join("g", "ana"), facts: []string{`iam.group.useradded.v1 {"group":"AGPA1","user":"AIDA1"}`}},
		{name: "join again", given: append(both, join("g", "ana")), when: join("G", "ANA")},
		{name: "join nothing", given: both, when: join("x", "ana"), err: "NoSuchEntity: The group with name x cannot be found."},
		{name: "nobody joins", given: both, when: join("g", "x"), err: "NoSuchEntity: The user with name x cannot be found."},
		{name: "join too many", given: append(append([]call{newUser("ana"), newGroup("z")}, times(10, func(i int) call { return newGroup(letter(i)) })...),
			times(10, func(i int) call { return join(letter(i), "ana") })...),
			when: join("z", "ana"), err: "LimitExceeded: Cannot exceed quota for GroupsPerUser: 10"},
		{name: "leave", given: append(both, join("g", "ana")), when: leave, facts: []string{`iam.group.userremoved.v1 {"group":"AGPA1","user":"AIDA1"}`}},
		{name: "leave again", given: both, when: leave},
		{name: "delete", given: both, when: del, facts: []string{`iam.group.deleted.v1 {"id":"AGPA1"}`}},
		{name: "delete with members", given: append(both, join("g", "ana")), when: del, err: "DeleteConflict: Cannot delete entity, must remove users from group first."},
		{name: "delete with a policy", given: append(both, do((*Tx).PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: s("g"), PolicyName: s("p"), PolicyDocument: s(allowList)})),
			when: del, err: "DeleteConflict: Cannot delete entity, must delete policies first."},
		{name: "delete nothing", when: del, err: "NoSuchEntity: The group with name g cannot be found."},
	})
}

func TestRoles(t *testing.T) {
	del := do((*Tx).DeleteRole, &iam.DeleteRoleInput{RoleName: s("r")})
	update := func(description *string, max *int32) call {
		return do((*Tx).UpdateRole, &iam.UpdateRoleInput{RoleName: s("r"), Description: description, MaxSessionDuration: max})
	}
	create := func(trust string) call {
		return do((*Tx).CreateRole, &iam.CreateRoleInput{RoleName: s("r"), AssumeRolePolicyDocument: &trust})
	}
	trust := func(document string) call {
		return do((*Tx).UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: s("r"), PolicyDocument: &document})
	}
	quoted := strings.ReplaceAll(trustHome, `"`, `\"`)
	tell(t, []story{
		{name: "create", when: newRole("r"), facts: []string{`iam.role.created.v1 {"id":"AROA1","name":"r","path":"/","trust":{"document":"` + quoted + `"},"maxSession":3600}`}},
		{name: "create bound to a user", given: []call{newUser("ana")}, when: create(trusting("arn:aws:iam::111122223333:user/ana")),
			facts: []string{`iam.role.created.v1 {"id":"AROA1","name":"r","path":"/","trust":{"document":"` +
				strings.Replace(quoted, ":root", ":user/ana", 1) + `","bound":{"arn:aws:iam::111122223333:user/ana":"AIDA1"}},"maxSession":3600}`}},
		{name: "create bound to a session", given: []call{newRole("q")}, when: create(trusting("arn:aws:sts::111122223333:assumed-role/q/s1")),
			facts: []string{`iam.role.created.v1 {"id":"AROA2","name":"r","path":"/","trust":{"document":"` +
				strings.Replace(quoted, "arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:assumed-role/q/s1", 1) +
				`","bound":{"arn:aws:sts::111122223333:assumed-role/q/s1":"AROA1:s1"}},"maxSession":3600}`}},
		{name: "create a case twin", given: []call{newRole("r")}, when: newRole("R"), err: "EntityAlreadyExists: Role with name r already exists."},
		{name: "trust nobody", when: create(trusting("arn:aws:iam::111122223333:user/ana")), err: `MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/ana"`},
		{name: "trust a case twin", given: []call{newUser("ana")}, when: create(trusting("arn:aws:iam::111122223333:user/ANA")), err: `MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/ANA"`},
		{name: "trust an unknown account", when: create(trusting("arn:aws:iam::999999999999:root")), err: `MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::999999999999:root"`},
		{name: "trust a bare id", when: create(trusting("AIDAQEAAAAAAAAAAAAAA1")), err: `MalformedPolicyDocument: Invalid principal in policy: "AWS":"AIDAQEAAAAAAAAAAAAAA1"`},
		{name: "trust no service", when: create(strings.Replace(trustHome, `"AWS":"arn:aws:iam::111122223333:root"`, `"Service":"nope.example.com"`, 1)),
			err: `MalformedPolicyDocument: Invalid principal in policy: "SERVICE":"nope.example.com"`},
		{name: "trust too much", when: create(strings.Replace(trustHome, `"Statement":[`, `"Id":"`+strings.Repeat("x", 2048)+`","Statement":[`, 1)), err: "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"},
		{name: "trust no JSON", when: create("{"), err: "MalformedPolicyDocument: This policy contains invalid Json"},
		{name: "trust anew", given: []call{newRole("r")}, when: trust(trusting(other)), facts: []string{`iam.role.trusted.v1 {"id":"AROA1","trust":{"document":"` +
			strings.Replace(quoted, "arn:aws:iam::111122223333:root", other, 1) + `"}}`}},
		{name: "trust of nothing", when: trust(trustHome), err: "NoSuchEntity: The role with name r cannot be found."},
		{name: "update", given: []call{newRole("r")}, when: update(s("d"), ptr(int32(7200))), facts: []string{`iam.role.updated.v1 {"id":"AROA1","description":"d","maxSession":7200}`}},
		{name: "update to the same", given: []call{newRole("r")}, when: update(nil, nil)},
		{name: "update description", given: []call{newRole("r"), update(nil, ptr(int32(7200)))}, when: do((*Tx).UpdateRoleDescription, &iam.UpdateRoleDescriptionInput{RoleName: s("r"), Description: s("d")}),
			facts: []string{`iam.role.updated.v1 {"id":"AROA1","description":"d","maxSession":7200}`}},
		{name: "delete", given: []call{newRole("r")}, when: del, facts: []string{`iam.role.deleted.v1 {"id":"AROA1"}`}},
		{name: "delete: out of instance profiles first", given: []call{newRole("r"), newProfile("p"), hold("p", "r"), do((*Tx).AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: s("r"), PolicyArn: s(adminARN)})},
			when: del, err: "DeleteConflict: Cannot delete entity, must remove roles from instance profile first."},
		{name: "delete: then policies", given: []call{newRole("r"), do((*Tx).AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: s("r"), PolicyArn: s(adminARN)})},
			when: del, err: "DeleteConflict: Cannot delete entity, must detach all policies first."},
		{name: "delete: then inline policies", given: []call{newRole("r"), do((*Tx).PutRolePolicy, &iam.PutRolePolicyInput{RoleName: s("r"), PolicyName: s("p"), PolicyDocument: s(allowList)})},
			when: del, err: "DeleteConflict: Cannot delete entity, must delete policies first."},
	})
}

func TestPolicies(t *testing.T) {
	create := func(name, document string) call {
		return do((*Tx).CreatePolicy, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document})
	}
	del := func(arn string) call { return do((*Tx).DeletePolicy, &iam.DeletePolicyInput{PolicyArn: &arn}) }
	delVersion := func(v string) call {
		return do((*Tx).DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: s(readARN), VersionId: &v})
	}
	setDefault := func(v string) call {
		return do((*Tx).SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: s(readARN), VersionId: &v})
	}
	detach := func(user, arn string) call {
		return do((*Tx).DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: &user, PolicyArn: &arn})
	}
	delInline := func(name string) call {
		return do((*Tx).DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: s("ana"), PolicyName: &name})
	}
	quoted := strings.ReplaceAll(allowList, `"`, `\"`)
	quotedDeny := strings.ReplaceAll(denyAll, `"`, `\"`)
	given := []call{newPolicy("read"), newUser("ana")}
	tell(t, []story{
		{name: "create", when: create("read", allowList), facts: []string{`iam.policy.created.v1 {"id":"ANPA1","name":"read","path":"/","document":"` + quoted + `"}`}},
		{name: "create a case twin", given: given, when: create("READ", allowList), err: "EntityAlreadyExists: A policy called read already exists. Duplicate names are not allowed."},
		{name: "create from nonsense", when: create("read", "{"), err: "MalformedPolicyDocument: Syntax errors in policy."},
		{name: "create as large as allowed", when: create("read", sized(6144)), facts: []string{`iam.policy.created.v1 {"id":"ANPA1","name":"read","path":"/","document":"` + strings.ReplaceAll(sized(6144), `"`, `\"`) + `"}`}},
		{name: "create too large", when: create("read", sized(6145)), err: "LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
		{name: "version", given: given, when: newVersion(false), facts: []string{`iam.policy.versioncreated.v1 {"policy":"ANPA1","version":2,"document":"` + quotedDeny + `"}`}},
		{name: "version in force", given: given, when: newVersion(true), facts: []string{`iam.policy.versioncreated.v1 {"policy":"ANPA1","version":2,"document":"` + quotedDeny + `","default":true}`}},
		{name: "version numbers are not used again", given: append(given, newVersion(false), delVersion("v2")), when: newVersion(false),
			facts: []string{`iam.policy.versioncreated.v1 {"policy":"ANPA1","version":3,"document":"` + quotedDeny + `"}`}},
		{name: "too many versions", given: append(given, times(4, func(int) call { return newVersion(false) })...), when: newVersion(false),
			err: "LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."},
		{name: "version of nothing", when: newVersion(false), err: "NoSuchEntity: Policy " + readARN + " was not found."},
		{name: "version of AWS's", when: do((*Tx).CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: s(adminARN), PolicyDocument: s(denyAll)}),
			err: "AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:CreatePolicyVersion on resource: policy " + adminARN},
		{name: "put a version in force", given: append(given, newVersion(false)), when: setDefault("v2"), facts: []string{`iam.policy.defaultset.v1 {"policy":"ANPA1","version":2}`}},
		{name: "put it in force again", given: given, when: setDefault("v1")},
		{name: "put no version in force", given: given, when: setDefault("v9"), err: "NoSuchEntity: Policy " + readARN + " version v9 does not exist or is not attachable."},
		{name: "delete a version", given: append(given, newVersion(true)), when: delVersion("v1"), facts: []string{`iam.policy.versiondeleted.v1 {"policy":"ANPA1","version":1}`}},
		{name: "delete the version in force", given: given, when: delVersion("v1"), err: "DeleteConflict: Cannot delete the default version of a policy."},
		{name: "delete", given: given, when: del(readARN), facts: []string{`iam.policy.deleted.v1 {"id":"ANPA1"}`}},
		{name: "delete an attached one", given: append(given, attachUser("ana", readARN), newVersion(false)), when: del(readARN), err: "DeleteConflict: Cannot delete a policy attached to entities."},
		{name: "delete a boundary", given: append(given, boundUser("ana", readARN)), when: del(readARN), err: "DeleteConflict: Cannot delete a policy attached to entities."},
		{name: "delete one with versions", given: append(given, newVersion(false)), when: del(readARN),
			err: "DeleteConflict: This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."},
		{name: "delete nothing", when: del(readARN), err: "NoSuchEntity: Policy " + readARN + " was not found."},
		{name: "delete a case twin's", given: given, when: del("arn:aws:iam::111122223333:policy/READ"), err: "NoSuchEntity: Policy arn:aws:iam::111122223333:policy/READ was not found."},
		{name: "delete nonsense", when: del("arn:aws:iam:nonsense"), err: "ValidationError: Invalid ARN:  Could not be parsed!"},
		{name: "delete in another partition", when: del("arn:aws-cn:iam::aws:policy/AdministratorAccess"), err: "ValidationError: Invalid ARN partition"},
		{name: "delete a user by policy", when: del("arn:aws:iam::111122223333:user/ana"), err: "InvalidInput: ARN arn:aws:iam::111122223333:user/ana is not valid."},

		{name: "attach", given: given, when: attachUser("ana", readARN), facts: []string{`iam.policy.attached.v1 {"to":"AIDA1","policy":"ANPA1","arn":"` + readARN + `"}`}},
		{name: "attach again", given: append(given, attachUser("ana", readARN)), when: attachUser("ana", readARN)},
		{name: "attach one of AWS", given: given, when: attachUser("ana", adminARN), facts: []string{`iam.policy.attached.v1 {"to":"AIDA1","policy":"ANPA2","arn":"` + adminARN + `"}`}},
		{name: "attach nothing", given: given, when: attachUser("ana", readARN+"x"), err: "NoSuchEntity: Policy " + readARN + "x does not exist or is not attachable."},
		{name: "attach another account's", given: given, when: attachUser("ana", "arn:aws:iam::444455556666:policy/read"), err: "NoSuchEntity: Policy arn:aws:iam::444455556666:policy/read does not exist or is not attachable."},
		{name: "attach a service's", given: given, when: attachUser("ana", "arn:aws:iam::aws:policy/aws-service-role/CloudTrailServiceRolePolicy"), err: "PolicyNotAttachable: Cannot attach a Service Role Policy to a Customer Role."},
		{name: "attach to nobody", given: given, when: attachUser("x", readARN), err: "NoSuchEntity: The user with name x cannot be found."},
		{name: "attach too many", given: append(append([]call{newUser("ana")}, times(10, func(i int) call { return newPolicy(letter(i)) })...),
			times(10, func(i int) call { return attachUser("ana", "arn:aws:iam::111122223333:policy/"+letter(i)) })...),
			when: attachUser("ana", adminARN), err: "LimitExceeded: Cannot exceed quota for PoliciesPerUser: 10"},
		{name: "detach", given: append(given, attachUser("ana", readARN)), when: detach("ana", readARN), facts: []string{`iam.policy.detached.v1 {"from":"AIDA1","policy":"ANPA1","arn":"` + readARN + `"}`}},
		{name: "detach what is not attached", given: given, when: detach("ana", readARN), err: "NoSuchEntity: Policy " + readARN + " was not found."},
		{name: "attach to a group", given: []call{newGroup("g")}, when: do((*Tx).AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: s("g"), PolicyArn: s(adminARN)}),
			facts: []string{`iam.policy.attached.v1 {"to":"AGPA1","policy":"ANPA1","arn":"` + adminARN + `"}`}},

		{name: "put inline", given: given, when: putUser("ana", "p", allowList), facts: []string{`iam.inlinepolicy.put.v1 {"in":"AIDA1","name":"p","document":"` + quoted + `"}`}},
		{name: "put the same", given: append(given, putUser("ana", "p", allowList)), when: putUser("ana", "p", allowList)},
		{name: "put in place of a case twin", given: append(given, putUser("ana", "p", sized(2048))), when: putUser("ana", "P", allowList), facts: []string{`iam.inlinepolicy.put.v1 {"in":"AIDA1","name":"P","document":"` + quoted + `"}`}},
		{name: "put too much in all", given: append(given, putUser("ana", "p", sized(1024))), when: putUser("ana", "q", sized(1025)), err: "LimitExceeded: Maximum policy size of 2048 bytes exceeded for user ana"},
		{name: "put a principal", given: given, when: putUser("ana", "p", trustHome), err: "MalformedPolicyDocument: Policy document should not specify a principal."},
		{name: "delete inline", given: append(given, putUser("ana", "p", allowList)), when: delInline("P"), facts: []string{`iam.inlinepolicy.deleted.v1 {"in":"AIDA1","name":"p"}`}},
		{name: "delete no inline", given: given, when: delInline("p"), err: "NoSuchEntity: The user policy with name p cannot be found."},

		{name: "bound", given: given, when: boundUser("ana", readARN), facts: []string{`iam.boundary.put.v1 {"on":"AIDA1","policy":"ANPA1","arn":"` + readARN + `"}`}},
		{name: "bound again", given: append(given, boundUser("ana", readARN)), when: boundUser("ana", readARN)},
		{name: "unbound", given: append(given, boundUser("ana", readARN)), when: do((*Tx).DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: s("ana")}), facts: []string{`iam.boundary.deleted.v1 {"on":"AIDA1"}`}},
		{name: "unbound again", given: given, when: do((*Tx).DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: s("ana")})},
	})
}

func TestTags(t *testing.T) {
	untag := func(keys ...string) call {
		return do((*Tx).UntagUser, &iam.UntagUserInput{UserName: s("ana"), TagKeys: keys})
	}
	var fifty []string
	for i := range 50 {
		fifty = append(fifty, letter(i%26)+letter(i/26), "v")
	}
	given := []call{newUser("ana"), tagUser("ana", "Dept", "a")}
	tell(t, []story{
		{name: "tag", given: given, when: tagUser("ana", "k", "v"), facts: []string{`iam.tags.set.v1 {"id":"AIDA1","tags":[{"k":"k","v":"v"}]}`}},
		{name: "tag a case twin", given: given, when: tagUser("ana", "dept", "b"), facts: []string{`iam.tags.set.v1 {"id":"AIDA1","tags":[{"k":"dept","v":"b"}]}`}},
		{name: "tag with the same", given: given, when: tagUser("ana", "Dept", "a")},
		{name: "tag twice at once", given: given, when: tagUser("ana", "k", "v", "K", "v"), err: "InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{name: "tag with a reserved key", given: given, when: tagUser("ana", "AWS:k", "v"), err: "InvalidInput: Tag keys beginning with aws: are reserved for system use."},
		{name: "tag too often", given: given, when: tagUser("ana", fifty...), err: "LimitExceeded: The number of tags has reached the maximum limit."},
		{name: "change one of fifty", given: []call{newUser("ana"), tagUser("ana", fifty...)}, when: tagUser("ana", "AA", "w"), facts: []string{`iam.tags.set.v1 {"id":"AIDA1","tags":[{"k":"AA","v":"w"}]}`}},
		{name: "untag", given: given, when: untag("DEPT", "x"), facts: []string{`iam.tags.removed.v1 {"id":"AIDA1","keys":["Dept"]}`}},
		{name: "untag nothing", given: given, when: untag("x")},
		{name: "tag one of AWS", when: do((*Tx).TagPolicy, &iam.TagPolicyInput{PolicyArn: s(adminARN), Tags: tags("k", "v")}),
			err: "AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:TagPolicy on resource: policy " + adminARN},
		{name: "tag an instance profile", given: []call{newProfile("p")}, when: do((*Tx).TagInstanceProfile, &iam.TagInstanceProfileInput{InstanceProfileName: s("P"), Tags: tags("k", "v")}),
			facts: []string{`iam.tags.set.v1 {"id":"AIPA1","tags":[{"k":"k","v":"v"}]}`}},
		{name: "untag a policy", given: []call{newPolicy("read"), do((*Tx).TagPolicy, &iam.TagPolicyInput{PolicyArn: s(readARN), Tags: tags("k", "v")})},
			when: do((*Tx).UntagPolicy, &iam.UntagPolicyInput{PolicyArn: s(readARN), TagKeys: []string{"K"}}), facts: []string{`iam.tags.removed.v1 {"id":"ANPA1","keys":["k"]}`}},
	})
}

func TestInstanceProfiles(t *testing.T) {
	del := do((*Tx).DeleteInstanceProfile, &iam.DeleteInstanceProfileInput{InstanceProfileName: s("p")})
	release := do((*Tx).RemoveRoleFromInstanceProfile, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: s("p"), RoleName: s("r")})
	both := []call{newProfile("p"), newRole("r")}
	tell(t, []story{
		{name: "create", when: newProfile("p"), facts: []string{`iam.instanceprofile.created.v1 {"id":"AIPA1","name":"p","path":"/"}`}},
		{name: "create a case twin", given: both, when: newProfile("P"), err: "EntityAlreadyExists: Instance Profile p already exists."},
		{name: "hold", given: both, when: hold("p", "r"), facts: []string{`iam.instanceprofile.roleadded.v1 {"profile":"AIPA1","role":"AROA1"}`}},
		{name: "hold two", given: append(both, hold("p", "r"), newRole("q")), when: hold("p", "q"), err: "LimitExceeded: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"},
		{name: "hold nothing", given: both, when: hold("p", "x"), err: "NoSuchEntity: The role with name x cannot be found."},
		{name: "nothing holds", given: both, when: hold("x", "r"), err: "NoSuchEntity: Instance Profile x cannot be found."},
		{name: "release", given: append(both, hold("p", "r")), when: release, facts: []string{`iam.instanceprofile.roleremoved.v1 {"profile":"AIPA1","role":"AROA1"}`}},
		{name: "release what is not held", given: both, when: release, err: "NoSuchEntity: The role with name r cannot be found."},
		{name: "delete", given: both, when: del, facts: []string{`iam.instanceprofile.deleted.v1 {"id":"AIPA1"}`}},
		{name: "delete a full one", given: append(both, hold("p", "r")), when: del, err: "DeleteConflict: Cannot delete entity, must remove roles from instance profile first."},
	})
}

func TestAccount(t *testing.T) {
	alias := func(name string) call {
		return do((*Tx).CreateAccountAlias, &iam.CreateAccountAliasInput{AccountAlias: &name})
	}
	drop := func(name string) call {
		return do((*Tx).DeleteAccountAlias, &iam.DeleteAccountAliasInput{AccountAlias: &name})
	}
	tell(t, []story{
		{name: "alias", when: alias("acme"), facts: []string{`iam.accountalias.created.v1 {"alias":"acme"}`}},
		{name: "another alias", given: []call{alias("acme")}, when: alias("acme-2"), facts: []string{`iam.accountalias.created.v1 {"alias":"acme-2"}`}},
		{name: "the same alias", given: []call{alias("acme")}, when: alias("acme")},
		{name: "an account id", when: alias(other), err: "InvalidInput: The account alias " + other + " must not be a 12-digit number."},
		{name: "no alias", given: []call{alias("acme")}, when: drop("acme"), facts: []string{`iam.accountalias.deleted.v1 {"alias":"acme"}`}},
		{name: "not this alias", given: []call{alias("acme")}, when: drop("acme-2"), err: "NoSuchEntity: The account alias acme-2 cannot be found."},
	})
}
