package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/klauspost/compress/s2"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// Commands of STS state no facts of their own: credentials are claims sealed
// into a token, kept nowhere, and the decision to issue them is recorded by the
// gate. That an MFA code was used up is a fact; see Factor.

// AssumeRole issues credentials of a role session. That the trust policy and
// the caller's own policies allow it, external id and tags included, has been
// judged.
func (tx *Tx) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if tx.Caller.Type == projections.Root {
		return nil, answer.AccessDenied("Roles may not be assumed by root accounts.")
	}
	if tx.Caller.Type == projections.FederatedUser {
		return nil, answer.AccessDenied("Cannot call AssumeRole with federation credentials")
	}
	if !strings.HasPrefix(*in.RoleArn, "arn:") {
		return nil, answer.Validation("%s is invalid", *in.RoleArn)
	}
	if err := first(tx.factored(in.SerialNumber, in.TokenCode), refuse(len(in.ProvidedContexts) > 0, "ProvidedContexts"),
		refuse(in.MinimumSessionTokenSize != nil, "MinimumSessionTokenSize")); err != nil {
		return nil, err
	}
	account, role, ok := tx.roleAt(*in.RoleArn)
	if !ok { // whether it exists is not told
		return nil, answer.NotAuthorized(tx.Caller, "sts:AssumeRole", *in.RoleArn)
	}
	chained := tx.Caller.Type == projections.AssumedRole
	seconds := int(or(in.DurationSeconds, hour))
	switch {
	case chained && seconds > hour:
		return nil, answer.Validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case seconds > role.MaxSession && in.DurationSeconds != nil:
		return nil, answer.Validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	s := tx.newSession(account, projections.AssumedRole, seconds)
	s.RoleID, s.Name, s.Chained = role.ID, *in.RoleSessionName, chained
	packed, err := tx.pass(s, account, in.Policy, in.PolicyArns, in.Tags, in.TransitiveTagKeys)
	if err != nil {
		return nil, err
	}
	if s.SourceIdentity, err = tx.sourceIdentity(in.SourceIdentity); err != nil {
		return nil, err
	}
	credentials, err := tx.issue(s)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{
			Arn:           ptr("arn:aws:sts::" + account.ID + ":assumed-role/" + role.Name + "/" + s.Name),
			AssumedRoleId: ptr(role.ID + ":" + s.Name),
		},
		Credentials:      credentials,
		PackedPolicySize: packed,
	}
	if s.SourceIdentity != "" {
		out.SourceIdentity = &s.SourceIdentity
	}
	return out, nil
}

// GetSessionToken issues temporary credentials of the user, or root user, who
// asks with a long-term key.
func (tx *Tx) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if tx.Caller.Session != nil {
		return nil, answer.AccessDenied("Cannot call GetSessionToken with session credentials")
	}
	if err := first(tx.factored(in.SerialNumber, in.TokenCode),
		refuse(in.MinimumSessionTokenSize != nil, "MinimumSessionTokenSize")); err != nil {
		return nil, err
	}
	seconds := int(or(in.DurationSeconds, 12*hour))
	if tx.Caller.Type == projections.Root {
		seconds = min(seconds, hour) // longer ones are cut without a word
	}
	s := tx.newSession(tx.Account, tx.Caller.Type, seconds)
	if tx.Caller.User != nil {
		s.UserID = tx.Caller.User.ID
	}
	s.MFA = tx.MFA
	credentials, err := tx.issue(s)
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials}, nil
}

// newSession begins a session with a key of its own.
func (tx *Tx) newSession(a *projections.Account, kind projections.CallerType, seconds int) *projections.Session {
	now := tx.Now.Truncate(time.Second)
	return &projections.Session{
		AccessKeyID: tx.newKeyID("ASIA"), ParentKeyID: tx.Caller.AccessKeyID, Account: a.ID, Type: kind,
		Issued: now, Expires: now.Add(time.Duration(seconds) * time.Second), World: tx.World.Seq,
	}
}

// issue seals a session into a token. The secret follows from the key id.
func (tx *Tx) issue(s *projections.Session) (*types.Credentials, error) {
	claims, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return &types.Credentials{
		AccessKeyId:     &s.AccessKeyID,
		SecretAccessKey: ptr(tx.Keys.TokenSecret(tx.Keys.TokenVersion(), s.AccessKeyID).Reveal()),
		SessionToken:    ptr(tx.Keys.SealToken(claims)),
		Expiration:      &s.Expires,
	}, nil
}

// refuse refuses a parameter that would not be honoured.
func refuse(given bool, parameter string) error {
	if !given {
		return nil
	}
	return answer.Validation("%s is not supported.", parameter)
}

// roleAt finds the role of an ARN, in any account.
func (tx *Tx) roleAt(arn string) (*projections.Account, *projections.Role, bool) {
	id, ok := tx.World.Principal(arn)
	if !ok || !strings.HasPrefix(id, projections.RolePrefix) {
		return nil, nil, false
	}
	a, ok := tx.World.Account(strings.Split(arn, ":")[4])
	if !ok {
		return nil, nil, false
	}
	r, ok := a.RoleByID(id)
	return a, r, ok
}

// sourceIdentity is the one the session will have: once set, it stays through
// all roles that are assumed from it.
func (tx *Tx) sourceIdentity(asked *string) (string, error) {
	inherited := ""
	if tx.Caller.Session != nil {
		inherited = tx.Caller.Session.SourceIdentity
	}
	switch {
	case asked == nil:
		return inherited, nil
	case reserved(*asked):
		return "", answer.Validation("SourceIdentity must not begin with aws:.")
	case inherited != "" && *asked != inherited:
		return "", answer.AccessDenied("Once specified, a source identity cannot be changed.")
	}
	return *asked, nil
}

// Limits of what may be passed with a session (IAM User Guide, "IAM and STS
// character limits"). AWS does not say how it packs policies and tags, nor
// into how much; ours is compressed text.
const (
	sessionPolicySize = 2048 // characters of all session policies
	sessionTags       = 50
	packedSize        = 4096 // bytes
)

// pass puts session policies and tags into a session that begins in account a,
// and says how much of the space for them it takes, if there are any.
func (tx *Tx) pass(s *projections.Session, a *projections.Account, document *string, arns []types.PolicyDescriptorType, tags []types.Tag, transitive []string) (packed *int32, err error) {
	size := 0
	if document != nil {
		if _, err := policy.Parse(policy.Session, *document); err != nil {
			return nil, answer.MalformedSession(err)
		}
		size = len(*document)
		s.Policies = []string{*document}
	}
	for _, d := range arns {
		arn := or(d.Arn, "")
		p, err := answer.Attachable(tx.World, a, arn)
		if err != nil {
			return nil, answer.InvalidParameter("Policy %s does not exist or is not attachable.", arn)
		}
		if slices.Contains(s.PolicyARNs, arn) {
			continue
		}
		size += len(arn)
		s.PolicyARNs = append(s.PolicyARNs, p.ARN)
	}
	if err := tx.passTags(s, tags, transitive); err != nil {
		return nil, err
	}
	if size == 0 && len(s.Tags) == 0 {
		return nil, nil
	}
	text, err := json.Marshal([]any{s.Policies, s.PolicyARNs, s.Tags, s.TransitiveTags})
	if err != nil {
		return nil, err
	}
	percent := max((len(s2.EncodeBetter(nil, text))*100+packedSize-1)/packedSize, 1)
	if size > sessionPolicySize {
		percent = max(percent, (size*100+sessionPolicySize-1)/sessionPolicySize)
	}
	if percent > 100 {
		return nil, &types.PackedPolicyTooLargeException{Message: ptr(fmt.Sprintf("The session policies and session tags take %d%% of the space there is for them.", percent))}
	}
	return ptr(int32(percent)), nil
}

// passTags gives a session the tags that were asked for and, before them, the
// transitive ones of the session that asks.
func (tx *Tx) passTags(s *projections.Session, in []types.Tag, transitive []string) error {
	var tags []events.Tag
	for _, t := range in {
		tags = append(tags, events.Tag{Key: *t.Key, Value: *t.Value})
	}
	if repeatsKey(tags) {
		return answer.InvalidParameter("%s", repeatedKey)
	}
	if len(tags) > sessionTags {
		return answer.InvalidParameter("A session can have up to %d tags.", sessionTags)
	}
	for _, t := range tags {
		if reserved(t.Key) {
			return answer.InvalidParameter("Tag keys beginning with aws: are reserved for system use.")
		}
	}
	for _, key := range transitive {
		if projections.TagIndex(tags, key) < 0 {
			return answer.InvalidParameter("The specified transitive tag key must be included in the requested tags.")
		}
	}
	if from := tx.Caller.Session; from != nil {
		for _, key := range from.TransitiveTags {
			if projections.TagIndex(tags, key) >= 0 {
				return answer.InvalidParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
			tags = append(tags, events.Tag{Key: key, Value: from.Tags[key]})
		}
		s.TransitiveTags = slices.Clone(from.TransitiveTags)
	}
	for _, key := range transitive {
		key = tags[projections.TagIndex(tags, key)].Key // as the tag spells it
		if !slices.Contains(s.TransitiveTags, key) {
			s.TransitiveTags = append(s.TransitiveTags, key)
		}
	}
	for _, t := range tags {
		if s.Tags == nil {
			s.Tags = map[string]string{}
		}
		s.Tags[t.Key] = t.Value
	}
	return nil
}
