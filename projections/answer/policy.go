package answer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// Policy describes p as ListPolicies does in account a: without description
// and tags.
func Policy(a *projections.Account, p *projections.Policy) *types.Policy {
	use := a.Use(p.ID)
	return &types.Policy{
		Arn: &p.ARN, PolicyId: &p.ID, PolicyName: &p.Name, Path: &p.Path,
		CreateDate: &p.Created, UpdateDate: &p.Updated, DefaultVersionId: ptr(p.InForce().ID()), IsAttachable: p.Attachable(),
		AttachmentCount: ptr(int32(use.Attached)), PermissionsBoundaryUsageCount: ptr(int32(use.Bounded)),
	}
}

// PolicyInFull describes p as GetPolicy does.
func PolicyInFull(a *projections.Account, p *projections.Policy) *types.Policy {
	d := NewPolicy(a, p)
	if p.Description != "" {
		d.Description = &p.Description
	}
	return d
}

// NewPolicy describes p as CreatePolicy does: with tags.
func NewPolicy(a *projections.Account, p *projections.Policy) *types.Policy {
	d := Policy(a, p)
	d.Tags = Tags(p.Tags)
	return d
}

// PolicyVersion describes v as ListPolicyVersions does: without the document.
func PolicyVersion(p *projections.Policy, v *projections.PolicyVersion) types.PolicyVersion {
	return types.PolicyVersion{VersionId: ptr(v.ID()), CreateDate: &v.Created, IsDefaultVersion: v.Number == p.InForce().Number}
}

// PolicyVersionInFull describes v with its document.
func PolicyVersionInFull(p *projections.Policy, v *projections.PolicyVersion) types.PolicyVersion {
	d := PolicyVersion(p, v)
	d.Document = Document(v.Document.Text)
	return d
}

// PolicyDetail describes p as GetAccountAuthorizationDetails does.
func PolicyDetail(a *projections.Account, p *projections.Policy) types.ManagedPolicyDetail {
	b := PolicyInFull(a, p)
	d := types.ManagedPolicyDetail{
		Arn: b.Arn, PolicyId: b.PolicyId, PolicyName: b.PolicyName, Path: b.Path, Description: b.Description,
		CreateDate: b.CreateDate, UpdateDate: b.UpdateDate, DefaultVersionId: b.DefaultVersionId, IsAttachable: b.IsAttachable,
		AttachmentCount: b.AttachmentCount, PermissionsBoundaryUsageCount: b.PermissionsBoundaryUsageCount,
	}
	for _, v := range slices.Backward(p.Versions) {
		d.PolicyVersionList = append(d.PolicyVersionList, PolicyVersionInFull(p, v))
	}
	return d
}

// PolicyAt finds the policy of an ARN, if account a may see it: its own, or
// one that AWS manages.
func PolicyAt(w *projections.World, a *projections.Account, arn string) (*projections.Policy, error) {
	if err := checkPolicyARN(arn); err != nil {
		return nil, err
	}
	if p, ok := seen(w, a, arn); ok {
		return p, nil
	}
	return nil, NoSuchEntity("Policy %s was not found.", arn)
}

// VersionAt finds a version of a policy.
func VersionAt(p *projections.Policy, id string) (*projections.PolicyVersion, error) {
	if v, ok := p.Version(id); ok {
		return v, nil
	}
	return nil, NoSuchEntity("Policy %s version %s does not exist or is not attachable.", p.ARN, id)
}

// Attachable finds a policy that a user, group or role of account a may have.
func Attachable(w *projections.World, a *projections.Account, arn string) (*projections.Policy, error) {
	if err := checkPolicyARN(arn); err != nil {
		return nil, err
	}
	p, ok := seen(w, a, arn)
	if !ok {
		return nil, NoSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if !p.Attachable() {
		return nil, &types.PolicyNotAttachableException{Message: ptr("Cannot attach a Service Role Policy to a Customer Role.")}
	}
	return p, nil
}

// Boundary finds a policy that may be a permissions boundary in account a.
func Boundary(w *projections.World, a *projections.Account, arn string) (*projections.Policy, error) {
	if checkPolicyARN(arn) != nil {
		return nil, InvalidInput("Value (%s) for parameter PermissionsBoundary is invalid.", arn)
	}
	p, ok := seen(w, a, arn)
	if !ok || !p.Attachable() {
		return nil, NoSuchEntity("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return p, nil
}

func seen(w *projections.World, a *projections.Account, arn string) (*projections.Policy, bool) {
	p, ok := w.Managed(arn)
	return p, ok && (p.AWSManaged() || strings.HasPrefix(arn, a.ARN("policy", "/", "")))
}

func checkPolicyARN(arn string) error {
	part := strings.SplitN(arn, ":", 6)
	switch {
	case len(part) != 6 || part[0] != "arn":
		return Validation("Invalid ARN:  Could not be parsed!")
	case part[1] != "aws":
		return Validation("Invalid ARN partition")
	case part[2] != "iam" || part[3] != "" || !strings.HasPrefix(part[5], "policy/"):
		return InvalidInput("ARN %s is not valid.", arn)
	}
	return nil
}

func boundary(a *projections.Account, i *projections.Identity) *types.AttachedPermissionsBoundary {
	if i.Boundary == "" {
		return nil
	}
	d := &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn:  &i.Boundary,
		PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
	if p, ok := a.PolicyByID(i.Boundary); ok {
		d.PermissionsBoundaryArn = &p.ARN
	}
	return d
}

// Attached lists the managed policies of i, by name.
func Attached(a *projections.Account, i *projections.Identity) []*projections.Policy {
	list := make([]*projections.Policy, 0, len(i.Attached))
	for _, id := range i.Attached {
		if p, ok := a.PolicyByID(id); ok {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(p, q *projections.Policy) int {
		return cmp.Or(strings.Compare(projections.Fold(p.Name), projections.Fold(q.Name)), strings.Compare(p.ID, q.ID))
	})
	return list
}

// AttachedPolicy names a policy that is attached.
func AttachedPolicy(p *projections.Policy) types.AttachedPolicy {
	return types.AttachedPolicy{PolicyArn: &p.ARN, PolicyName: &p.Name}
}

func attached(a *projections.Account, i *projections.Identity) []types.AttachedPolicy {
	out := []types.AttachedPolicy{}
	for _, p := range Attached(a, i) {
		out = append(out, AttachedPolicy(p))
	}
	return out
}

func inline(i *projections.Identity) []types.PolicyDetail {
	out := []types.PolicyDetail{}
	for _, p := range i.Inline {
		out = append(out, types.PolicyDetail{PolicyName: &p.Name, PolicyDocument: Document(p.Document.Text)})
	}
	return out
}

// Document encodes a policy document as IAM's answers do: RFC 3986, so that a
// space is %20.
func Document(text string) *string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(text)+len(text)/2)
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return ptr(string(b))
}
