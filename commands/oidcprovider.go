package commands

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// thumbprints is how many certificates of a provider can be named (IAM API
// Reference, CreateOpenIDConnectProvider).
const thumbprints = 5

// CreateOpenIDConnectProvider makes an OpenID Connect provider known. Without
// thumbprints its certificate must come from a public authority: nobody is
// asked for one here.
func (tx *Tx) CreateOpenIDConnectProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	name, ok := issuer(*in.Url)
	if !ok {
		return nil, answer.Validation("Invalid Open ID Connect Provider URL")
	}
	if err := fewThumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	clients := distinct(in.ClientIDList)
	if n := tx.quotas().ClientsPerOIDCProvider; len(clients) > n {
		return nil, tooManyClients(n)
	}
	if p, ok := tx.Account.OIDCProvider(name); ok {
		return nil, answer.EntityAlreadyExists("Provider with url https://%s already exists.", p.Name)
	}
	if err := answer.Quota("OpenIdConnectProvidersPerAccount", tx.Account.OIDCProviders(), tx.quotas().OIDCProviders); err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	f := events.OIDCProviderCreated{
		ID: tx.NewID(projections.OIDCProviderPrefix), URL: name, Clients: clients, Thumbprints: distinct(in.ThumbprintList), Tags: tags,
	}
	tx.Emit(f)
	p := &projections.OIDCProvider{Entity: tx.entity(f.ID, f.URL, "/", f.Tags)}
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: ptr(p.ARN(tx.Account)), Tags: answer.Tags(tags)}, nil
}

// AddClientIDToOpenIDConnectProvider takes one more audience of tokens.
func (tx *Tx) AddClientIDToOpenIDConnectProvider(ctx context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	p, err := answer.OIDCProviderAt(tx.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(p.Clients, *in.ClientID) {
		if n := tx.quotas().ClientsPerOIDCProvider; len(p.Clients) >= n {
			return nil, tooManyClients(n)
		}
		tx.Emit(events.OIDCClientAdded{Provider: p.ID, Client: *in.ClientID})
	}
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, nil
}

// RemoveClientIDFromOpenIDConnectProvider takes an audience no more, if it did.
func (tx *Tx) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	p, err := answer.OIDCProviderAt(tx.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	if slices.Contains(p.Clients, *in.ClientID) {
		tx.Emit(events.OIDCClientRemoved{Provider: p.ID, Client: *in.ClientID})
	}
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, nil
}

// UpdateOpenIDConnectProviderThumbprint names other certificates of a provider.
func (tx *Tx) UpdateOpenIDConnectProviderThumbprint(ctx context.Context, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	p, err := answer.OIDCProviderAt(tx.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	if err := fewThumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	if now := distinct(in.ThumbprintList); !slices.Equal(now, p.Thumbprints) {
		tx.Emit(events.OIDCThumbprintsSet{ID: p.ID, Thumbprints: now})
	}
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, nil
}

// DeleteOpenIDConnectProvider forgets a provider, if there is one. Roles that
// trust it keep their trust policies, which nobody can use then.
func (tx *Tx) DeleteOpenIDConnectProvider(ctx context.Context, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	if p, err := answer.OIDCProviderAt(tx.Account, *in.OpenIDConnectProviderArn); err == nil {
		tx.Emit(events.OIDCProviderDeleted{ID: p.ID})
	}
	return &iam.DeleteOpenIDConnectProviderOutput{}, nil
}

// issuer is the URL of a provider as its ARN has it: without https://.
func issuer(text string) (string, bool) {
	name, ok := strings.CutPrefix(text, "https://")
	u, err := url.Parse(text)
	return name, ok && err == nil && u.Host != "" && u.Port() == "" && !strings.HasSuffix(u.Host, ":") && u.User == nil &&
		!strings.ContainsAny(text, "?# ") && u.String() == text
}

func fewThumbprints(list []string) error {
	if len(list) > thumbprints {
		return answer.InvalidInput("Thumbprint list must contain fewer than %d entries.", thumbprints)
	}
	return nil
}

func tooManyClients(quota int) error {
	return answer.LimitExceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", quota)
}

// distinct is list without what is in it a second time.
func distinct(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
