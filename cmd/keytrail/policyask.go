package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/projections/policy"
)

// ask lets a server decide, by what hangs on the principal there. If the
// policies may be read too, layers and near misses are told from them.
func (q *question) ask(ctx context.Context, c *client) (*explanation, error) {
	api, err := c.iam(ctx)
	if err != nil {
		return nil, err
	}
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &q.source, ActionNames: []string{q.action}, ResourceArns: []string{q.resource}}
	if q.owner != "" {
		in.ResourceOwner = new("arn:aws:iam::" + q.owner + ":root")
	}
	for _, k := range q.keys {
		e := types.ContextEntry{ContextKeyName: &k.Name, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: k.Values}
		if k.Multi {
			e.ContextKeyType = types.ContextKeyTypeEnumStringList
		}
		in.ContextEntries = append(in.ContextEntries, e)
	}
	out, err := api.SimulatePrincipalPolicy(ctx, in)
	if err != nil {
		return nil, told("SimulatePrincipalPolicy", err)
	}
	if len(out.EvaluationResults) != 1 {
		return nil, failure{exitReach, fmt.Errorf("SimulatePrincipalPolicy: %d results of one request", len(out.EvaluationResults))}
	}
	r := out.EvaluationResults[0]
	decision := map[types.PolicyEvaluationDecisionType]string{"allowed": "Allow", "explicitDeny": "ExplicitDeny"}[r.EvalDecision]
	decision = cmp.Or(decision, "ImplicitDeny")
	if err := q.fetch(ctx, api); err == nil {
		e, err := q.explain()
		if err == nil && e.Decision == decision {
			return e, nil
		}
	} else if !denied(err) {
		return nil, told("reading the policies", err)
	}
	e := &explanation{Principal: q.source, Action: q.action, Resource: q.resource, Decision: decision, Matched: []stated{}, Missing: r.MissingContextValues,
		Note: "The policies themselves may not be read with these credentials, or changed meanwhile: this is what the simulator tells."}
	for _, m := range r.MatchedStatements {
		st := stated{Policy: deref(m.SourcePolicyId)}
		if m.StartPosition != nil && m.EndPosition != nil {
			st.Statement = fmt.Sprintf("%d:%d–%d:%d", m.StartPosition.Line, m.StartPosition.Column, m.EndPosition.Line, m.EndPosition.Column)
		}
		e.Matched = append(e.Matched, st)
	}
	if d := r.PermissionsBoundaryDecisionDetail; d != nil {
		effect := "Allow"
		if !d.AllowedByPermissionsBoundary {
			effect = "Deny"
		}
		e.Layers = append(e.Layers, said{policy.LayerBoundary.String(), effect})
	}
	return e, nil
}

// fetch reads who the principal is and all that hangs on it.
func (q *question) fetch(ctx context.Context, api *iam.Client) error {
	_, rest, _ := strings.Cut(q.source, "/")
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	q.tags = map[string]string{}
	if q.who.Type == policy.AssumedRole {
		r, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		if err != nil {
			return err
		}
		if err := q.is(ctx, api, r.Role.RoleId, r.Role.Tags, r.Role.PermissionsBoundary); err != nil {
			return err
		}
		return q.fetchHolder(ctx, api, roleHolder(ctx, api, &name))
	}
	u, err := api.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return err
	}
	q.who.ID = deref(u.User.UserId)
	if err := q.is(ctx, api, u.User.UserId, u.User.Tags, u.User.PermissionsBoundary); err != nil {
		return err
	}
	if err := q.fetchHolder(ctx, api, userHolder(ctx, api, &name)); err != nil {
		return err
	}
	groups, err := pages(ctx, iam.NewListGroupsForUserPaginator(api, &iam.ListGroupsForUserInput{UserName: &name}),
		func(p *iam.ListGroupsForUserOutput) []types.Group { return p.Groups })
	for _, g := range groups {
		if err := q.fetchHolder(ctx, api, groupHolder(ctx, api, g.GroupName)); err != nil {
			return err
		}
	}
	return err
}

// is takes what the policies' variables and conditions say of the principal,
// and what bounds it.
func (q *question) is(ctx context.Context, api *iam.Client, id *string, tags []types.Tag, boundary *types.AttachedPermissionsBoundary) error {
	for _, t := range tags {
		q.tags[deref(t.Key)] = deref(t.Value)
	}
	q.who.UniqueID = deref(id)
	if boundary == nil {
		return nil
	}
	return q.managed(ctx, api, "boundary", boundary.PermissionsBoundaryArn)
}

// holder is a user, group or role as far as policies hang on it.
type holder struct {
	prefix   string // of its inline policies, to tell them from others' of the name
	inline   func() ([]string, error)
	document func(name *string) (*string, error) // of an inline policy
	attached func() ([]types.AttachedPolicy, error)
}

func roleHolder(ctx context.Context, api *iam.Client, name *string) holder {
	return holder{
		inline: func() ([]string, error) {
			return pages(ctx, iam.NewListRolePoliciesPaginator(api, &iam.ListRolePoliciesInput{RoleName: name}),
				func(p *iam.ListRolePoliciesOutput) []string { return p.PolicyNames })
		},
		document: func(policy *string) (*string, error) {
			out, err := api.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: policy})
			if err != nil {
				return nil, err
			}
			return out.PolicyDocument, nil
		},
		attached: func() ([]types.AttachedPolicy, error) {
			return pages(ctx, iam.NewListAttachedRolePoliciesPaginator(api, &iam.ListAttachedRolePoliciesInput{RoleName: name}),
				func(p *iam.ListAttachedRolePoliciesOutput) []types.AttachedPolicy { return p.AttachedPolicies })
		},
	}
}

func userHolder(ctx context.Context, api *iam.Client, name *string) holder {
	return holder{
		inline: func() ([]string, error) {
			return pages(ctx, iam.NewListUserPoliciesPaginator(api, &iam.ListUserPoliciesInput{UserName: name}),
				func(p *iam.ListUserPoliciesOutput) []string { return p.PolicyNames })
		},
		document: func(policy *string) (*string, error) {
			out, err := api.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: name, PolicyName: policy})
			if err != nil {
				return nil, err
			}
			return out.PolicyDocument, nil
		},
		attached: func() ([]types.AttachedPolicy, error) {
			return pages(ctx, iam.NewListAttachedUserPoliciesPaginator(api, &iam.ListAttachedUserPoliciesInput{UserName: name}),
				func(p *iam.ListAttachedUserPoliciesOutput) []types.AttachedPolicy { return p.AttachedPolicies })
		},
	}
}

func groupHolder(ctx context.Context, api *iam.Client, name *string) holder {
	return holder{
		prefix: deref(name) + "/",
		inline: func() ([]string, error) {
			return pages(ctx, iam.NewListGroupPoliciesPaginator(api, &iam.ListGroupPoliciesInput{GroupName: name}),
				func(p *iam.ListGroupPoliciesOutput) []string { return p.PolicyNames })
		},
		document: func(policy *string) (*string, error) {
			out, err := api.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: name, PolicyName: policy})
			if err != nil {
				return nil, err
			}
			return out.PolicyDocument, nil
		},
		attached: func() ([]types.AttachedPolicy, error) {
			return pages(ctx, iam.NewListAttachedGroupPoliciesPaginator(api, &iam.ListAttachedGroupPoliciesInput{GroupName: name}),
				func(p *iam.ListAttachedGroupPoliciesOutput) []types.AttachedPolicy { return p.AttachedPolicies })
		},
	}
}

// fetchHolder reads the policies of one holder: those written into it, then
// those attached to it.
func (q *question) fetchHolder(ctx context.Context, api *iam.Client, h holder) error {
	inline, err := h.inline()
	if err != nil {
		return err
	}
	for _, name := range inline {
		text, err := h.document(&name)
		if err == nil {
			err = q.add("identity", h.prefix+name, text)
		}
		if err != nil {
			return err
		}
	}
	attached, err := h.attached()
	if err != nil {
		return err
	}
	for _, at := range attached {
		if err := q.managed(ctx, api, "identity", at.PolicyArn); err != nil {
			return err
		}
	}
	return nil
}

// managed reads the version in force of a managed policy.
func (q *question) managed(ctx context.Context, api *iam.Client, kind string, arn *string) error {
	p, err := api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return err
	}
	v, err := api.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return err
	}
	return q.add(kind, *p.Policy.PolicyName, v.PolicyVersion.Document)
}

// pages reads a list of the server to its end.
func pages[P, E any](ctx context.Context, list interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*iam.Options)) (*P, error)
}, of func(*P) []E) (all []E, err error) {
	for list.HasMorePages() {
		page, err := list.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, of(page)...)
	}
	return all, nil
}

// add takes a document as IAM shows it: percent-encoded.
func (q *question) add(kind, name string, encoded *string) error {
	text, err := url.PathUnescape(deref(encoded))
	q.documents = append(q.documents, named{kind, name, text})
	return err
}

// iam is an SDK client of the server.
func (c *client) iam(ctx context.Context) (*iam.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(c.profile), config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return nil, failure{exitReach, err}
	}
	cfg.Region = cmp.Or(cfg.Region, "us-east-1")
	cfg.BaseEndpoint = &c.endpoint
	return iam.NewFromConfig(cfg), nil
}

func denied(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && e.ErrorCode() == "AccessDenied"
}

// told is an error of the server in the form that our other commands give it.
func told(what string, err error) error {
	var e smithy.APIError
	if errors.As(err, &e) {
		return failure{exitReach, fmt.Errorf("%s: %s: %s", what, e.ErrorCode(), e.ErrorMessage())}
	}
	return failure{exitReach, fmt.Errorf("%s: %w", what, err)}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
