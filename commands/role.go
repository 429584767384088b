package commands

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// hour is the longest session of a role that says nothing else.
const hour = 3600

// CreateRole makes a role that may be assumed by whom its trust policy names,
// and may do nothing yet.
func (tx *Tx) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	trust, err := tx.trust(*in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	if r, ok := tx.Account.Role(*in.RoleName); ok {
		return nil, answer.AlreadyExists("Role", r.Name)
	}
	if err := answer.Quota("RolesPerAccount", tx.Account.Roles(), tx.quotas().Roles); err != nil {
		return nil, err
	}
	boundary, err := tx.boundary(in.PermissionsBoundary)
	if err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	f := events.RoleCreated{
		ID: tx.NewID(projections.RolePrefix), Name: *in.RoleName, Path: or(in.Path, "/"), Trust: trust,
		Description: or(in.Description, ""), MaxSession: int(or(in.MaxSessionDuration, hour)), Tags: tags,
	}
	role := &projections.Role{
		Identity: projections.Identity{Entity: tx.entity(f.ID, f.Name, f.Path, f.Tags)},
		Trust:    &projections.Document{Text: trust.Document}, Description: f.Description, MaxSession: f.MaxSession,
	}
	tx.Emit(f)
	tx.bound(&role.Identity, boundary)
	return &iam.CreateRoleOutput{Role: answer.NewRole(tx.Account, role)}, nil
}

// UpdateRole gives a role another description or longest session. A longest
// session that is not given is an hour again: so says the SDK's documentation.
func (tx *Tx) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	r, err := tx.role(*in.RoleName)
	if err != nil {
		return nil, err
	}
	tx.updateRole(r, or(in.Description, r.Description), int(or(in.MaxSessionDuration, hour)))
	return &iam.UpdateRoleOutput{}, nil
}

// UpdateRoleDescription gives a role another description.
func (tx *Tx) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	r, err := tx.role(*in.RoleName)
	if err != nil {
		return nil, err
	}
	tx.updateRole(r, *in.Description, r.MaxSession)
	described := *r
	described.Description = *in.Description
	return &iam.UpdateRoleDescriptionOutput{Role: answer.RoleInFull(tx.World, tx.Account, &described)}, nil
}

func (tx *Tx) updateRole(r *projections.Role, description string, maxSession int) {
	if description != r.Description || maxSession != r.MaxSession {
		tx.Emit(events.RoleUpdated{ID: r.ID, Description: description, MaxSession: maxSession})
	}
}

// UpdateAssumeRolePolicy says anew who may assume a role. Saving the same
// document again binds its ARNs to who has them now.
func (tx *Tx) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	r, err := tx.role(*in.RoleName)
	if err != nil {
		return nil, err
	}
	trust, err := tx.trust(*in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.RoleTrusted{ID: r.ID, Trust: trust})
	return &iam.UpdateAssumeRolePolicyOutput{}, nil
}

// DeleteRole deletes a role that no instance profile holds and that has no
// policies.
func (tx *Tx) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	r, err := tx.role(*in.RoleName)
	if err != nil {
		return nil, err
	}
	held := false
	for range tx.Account.InstanceProfilesOf(r, "") {
		held = true
		break
	}
	if err := first(mustBefore(held, "remove roles from instance profile"), holds(&r.Identity)); err != nil {
		return nil, err
	}
	tx.Emit(events.RoleDeleted{ID: r.ID})
	return &iam.DeleteRoleOutput{}, nil
}

func (tx *Tx) role(name string) (*projections.Role, error) {
	if r, ok := tx.Account.Role(name); ok {
		return r, nil
	}
	return nil, answer.NoSuch("role", name)
}

// trust reads a trust policy: whom it names must exist, and its ARNs are bound
// to the unique ids of who has them now.
func (tx *Tx) trust(document string) (t events.Trust, err error) {
	p, err := policy.Parse(policy.Trust, document)
	if err != nil {
		return t, answer.Malformed(err)
	}
	if quota := tx.quotas().TrustSize; policy.Size(document) > quota {
		return t, answer.LimitExceeded("Cannot exceed quota for ACLSizePerRole: %d", quota)
	}
	b, err := tx.bind(document, p)
	if err != nil {
		return t, err
	}
	return *b, nil
}

// bind finds out whom a document means. The principals of a resource-based
// policy are no providers: the parser refuses those.
func (tx *Tx) bind(document string, p *policy.Policy) (*events.Trust, error) {
	t := &events.Trust{Document: document}
	for _, ref := range p.Principals() {
		id, ok := "", true
		switch {
		case ref.Type == "Service":
			ok = isService(ref.Value)
		case ref.Type == "Federated":
			ok = publicProviders[ref.Value] || tx.knowsProvider(ref.Value)
		case ref.Type == "CanonicalUser":
			ok = false
		case ref.Value != "*":
			id, ok = tx.World.Principal(ref.Value)
		}
		if !ok {
			return nil, answer.Malformed(policy.InvalidPrincipal(ref))
		}
		if id != "" {
			if t.Bound == nil {
				t.Bound = map[string]string{}
			}
			t.Bound[ref.Value] = id
		}
	}
	return t, nil
}

// knowsProvider says whether a provider of that ARN is known here.
func (tx *Tx) knowsProvider(arn string) bool {
	_, oidc := answer.OIDCProviderAt(tx.Account, arn)
	_, saml := answer.SAMLProviderAt(tx.Account, arn)
	return oidc == nil || saml == nil
}

// publicProviders may be trusted without being set up (IAM User Guide, "AWS
// JSON policy elements: Principal").
var publicProviders = map[string]bool{
	"cognito-identity.amazonaws.com": true, "www.amazon.com": true, "graph.facebook.com": true, "accounts.google.com": true,
}

// isService says whether a name has the form of a service principal. AWS knows
// its services by name; we have no list of them that would not be out of date.
func isService(name string) bool {
	service, ok := strings.CutSuffix(name, ".amazonaws.com")
	if !ok {
		service, ok = strings.CutSuffix(name, ".amazonaws.com.cn")
	}
	return ok && service != "" && !strings.HasPrefix(service, ".") && !strings.Contains(service, "..")
}
