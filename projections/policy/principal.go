package policy

import "strings"

// grant says as whom a resource policy allowed the caller. Within one account
// it decides which other layers may still limit (IAM User Guide, "Evaluating
// identity-based policies with resource-based policies").
type grant uint8

const (
	grantAccount grant = 1 << iota // the account: its identity policies must allow too
	grantRole                      // the role, or the user behind a federated session: boundary and session limit
	grantDirect                    // this very user or session, or everyone: nothing limits
)

// principals is the Principal or NotPrincipal of a statement.
type principals struct {
	not       bool
	everyone  bool
	named     []named
	asWritten []PrincipalRef
}

type namedKind uint8

const (
	namedAccount namedKind = iota
	namedUser
	namedRole
	namedSession // assumed-role or federated-user ARN
	namedID      // AIDA…, AROA…
	namedService
	namedProvider
	namedCanonical
)

// named is one principal. Id, if set, is what its ARN was bound to when the
// policy was saved: the unique id of a user or role, or aws:userid of a role
// session (AROA…:name). The ARN no longer counts then.
type named struct {
	kind  namedKind
	value string
	id    string
}

// readPrincipal gives a principal its meaning; false: no principal may look so.
func readPrincipal(ref PrincipalRef, kind Kind) (n named, everyone, ok bool) {
	v := ref.Value
	switch ref.Type {
	case "Service":
		// "*" is not "all services".
		return named{kind: namedService, value: v}, false, strings.Contains(v, ".") && only(v, "-.") && v == lowerASCII(v)
	case "Federated":
		return named{kind: namedProvider, value: v}, false, kind == Trust && v != "" && !strings.ContainsAny(v, "*?")
	case "CanonicalUser":
		return named{kind: namedCanonical, value: v}, false, kind == Resource && only(v, "")
	}
	if v == "*" {
		return named{}, true, true
	}
	if isAccount(v) {
		return named{kind: namedAccount, value: v}, false, true
	}
	if (strings.HasPrefix(v, "AIDA") || strings.HasPrefix(v, "AROA")) && len(v) >= 16 && only(v, "") {
		return named{kind: namedID, value: v}, false, true
	}
	part := strings.SplitN(v, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[3] != "" || !isAccount(part[4]) || strings.ContainsAny(v, "*?") {
		return named{}, false, false
	}
	typ, name, _ := strings.Cut(part[5], "/")
	switch {
	case part[2] == "iam" && part[5] == "root":
		return named{kind: namedAccount, value: part[4]}, false, true
	case part[2] == "iam" && typ == "user" && name != "":
		return named{kind: namedUser, value: v}, false, true
	case part[2] == "iam" && typ == "role" && name != "":
		return named{kind: namedRole, value: v}, false, true
	case part[2] == "sts" && typ == "assumed-role" && strings.Count(name, "/") == 1,
		part[2] == "sts" && typ == "federated-user" && name != "":
		return named{kind: namedSession, value: v}, false, true
	}
	return named{}, false, false
}

func isAccount(s string) bool { return len(s) == 12 && digits(s) }

// only reports whether s is not empty and has only ASCII letters, digits and
// the characters given.
func only(s, others string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(others, c) >= 0) {
			return false
		}
	}
	return s != ""
}

// as says as whom the one named covers the caller; 0: not at all.
func (n *named) as(p *Principal) grant {
	switch n.kind {
	case namedAccount:
		if p.Account == n.value && p.Type != Anonymous && p.Type != Service && p.Type != Federated {
			return grantAccount
		}
	case namedCanonical:
		if p.CanonicalID == n.value && p.Type != Anonymous && p.Type != Service && p.Type != Federated {
			return grantAccount
		}
	case namedUser, namedRole, namedID:
		return n.entity(p)
	case namedSession:
		if (p.Type == AssumedRole || p.Type == FederatedUser) && (n.id == "" && p.ARN == n.value || n.id != "" && p.ID == n.id) {
			return grantDirect
		}
	case namedService:
		if p.Type == Service && p.ARN == n.value {
			return grantDirect
		}
	case namedProvider:
		if p.Type == Federated && p.ARN == n.value {
			return grantDirect
		}
	}
	return 0
}

// entity matches a user or a role, by unique id once it is bound to one.
func (n *named) entity(p *Principal) grant {
	var arn string
	var as grant
	var kind namedKind
	switch p.Type {
	case User:
		arn, kind, as = p.ARN, namedUser, grantDirect
	case AssumedRole:
		arn, kind, as = p.RoleARN, namedRole, grantRole
	case FederatedUser:
		arn, kind, as = p.UserARN, namedUser, grantRole
	default:
		return 0
	}
	id := n.id
	if n.kind == namedID {
		id = n.value
	} else if n.kind != kind {
		return 0
	}
	if id != "" && p.UniqueID == id || id == "" && arn == n.value {
		return as
	}
	return 0
}

// ofRoot reports a federated session that the root user asked for.
func (p *Principal) ofRoot() bool {
	return p.Type == FederatedUser && strings.HasSuffix(p.UserARN, ":root")
}

// cover says as whom the statement applies to the caller; 0: not at all.
func (s *principals) cover(p *Principal, effect Effect, bounded bool) grant {
	if s.not {
		return s.coverRest(p, effect, bounded)
	}
	if s.everyone {
		// A token or assertion is trusted only for the provider that is named
		// (IAM User Guide, "Creating a role for a third-party identity
		// provider"). A Deny for everyone hits its holder all the same.
		if p.Type != Federated || effect == ExplicitDeny {
			return grantDirect
		}
	}
	var as grant
	for i := range s.named {
		as |= s.named[i].as(p)
	}
	return as
}

// coverRest is NotPrincipal. Deny spares only a caller all of whose layers are
// listed: account, role or user, and session; and never one with a boundary.
// Allow covers only a known caller none of whose layers is listed.
func (s *principals) coverRest(p *Principal, effect Effect, bounded bool) grant {
	var as grant
	for i := range s.named {
		as |= s.named[i].as(p)
	}
	if effect != ExplicitDeny {
		if s.everyone || as != 0 || p.Type == Anonymous || p.Type == Federated {
			return 0
		}
		return grantDirect
	}
	need := grantDirect
	switch p.Type {
	case Account:
		need = grantAccount
	case User:
		need = grantAccount | grantDirect
	case AssumedRole, FederatedUser:
		need = grantAccount | grantRole | grantDirect
		if p.ofRoot() {
			need = grantAccount | grantDirect // root and the account have one name
		}
	}
	if (s.everyone || as&need == need) && !bounded {
		return 0
	}
	return grantDirect
}
