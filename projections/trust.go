package projections

import (
	"encoding/json"
	"strings"
)

// A trust policy names principals by ARN and means who had that ARN when it
// was saved. IAM shows such a principal by its present ARN or, once it is
// gone, by its unique id (IAM User Guide, "IAM role principals").

// TrustText is the trust policy of r as it is shown now.
func (w *World) TrustText(r *Role) string { return w.boundText(r.Trust, r.Bound) }

// boundText is a document whose ARNs are bound, as it is shown now.
func (w *World) boundText(d *Document, bound map[string]string) string {
	shown := map[string]string{}
	for arn, id := range bound {
		if now := w.shownAs(arn, id); now != arn {
			shown[arn] = now
		}
	}
	if len(shown) == 0 {
		return d.Text
	}
	return replacePrincipals(d.Text, shown)
}

// shownAs is what a bound principal is shown as.
func (w *World) shownAs(arn, id string) string {
	a, ok := w.Account(accountOf(arn))
	if !ok {
		return id
	}
	if u, ok := a.UserByID(id); ok {
		return u.ARN(a)
	}
	if r, ok := a.RoleByID(id); ok {
		return r.ARN(a)
	}
	if role, session, ok := strings.Cut(id, ":"); ok {
		if r, ok := a.RoleByID(role); ok {
			return "arn:aws:sts::" + a.ID + ":assumed-role/" + r.Name + "/" + session
		}
	}
	return id
}

// Principal finds whom an ARN of a user, role, role session or account means
// now; id is what a trust policy binds it to, empty for what has no id of its
// own. Not ok: nobody.
func (w *World) Principal(arn string) (id string, ok bool) {
	if len(arn) == 12 {
		_, ok := w.Account(arn)
		return "", ok
	}
	a, ok := w.Account(accountOf(arn))
	if !ok {
		return "", false
	}
	resource := arn[strings.LastIndexByte(arn, ':')+1:]
	kind, path, _ := strings.Cut(resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch kind {
	case "root":
		return "", arn == a.RootARN()
	case "user":
		u, ok := a.User(name)
		if !ok || u.ARN(a) != arn {
			return "", false
		}
		return u.ID, true
	case "role":
		r, ok := a.Role(name)
		if !ok || r.ARN(a) != arn {
			return "", false
		}
		return r.ID, true
	case "assumed-role":
		role, session, _ := strings.Cut(path, "/")
		r, ok := a.Role(role)
		if !ok || session == "" {
			return "", false
		}
		return r.ID + ":" + session, true
	case "federated-user":
		return "", true
	}
	return "", false
}

func accountOf(arn string) string {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 {
		return ""
	}
	return part[4]
}

// replacePrincipals changes the strings in Principal and NotPrincipal elements
// and leaves every other byte as it is.
func replacePrincipals(text string, shown map[string]string) string {
	var out strings.Builder
	dec := json.NewDecoder(strings.NewReader(text))
	copied, from := 0, int64(0)
	depth, inside := 0, 0 // inside: depth at which the present Principal element began
	var objects []bool    // by depth: an object, not a list
	key, wantKey := "", false
	for {
		t, err := dec.Token()
		if err != nil {
			break
		}
		end := dec.InputOffset()
		isKey := false
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				if inside == 0 && (key == "Principal" || key == "NotPrincipal") {
					inside = depth + 1
				}
				depth++
				objects = append(objects, t == '{')
			} else {
				if inside == depth {
					inside = 0
				}
				depth--
				objects = objects[:len(objects)-1]
			}
			key = ""
		case string:
			if isKey = wantKey; isKey {
				key = t
			} else if now, ok := shown[t]; ok && inside > 0 {
				start := int(from) + strings.IndexByte(text[from:end], '"')
				quoted, _ := json.Marshal(now)
				out.WriteString(text[copied:start])
				out.Write(quoted)
				copied = int(end)
			}
		}
		if !isKey {
			if _, opened := t.(json.Delim); !opened {
				key = ""
			}
		}
		wantKey = depth > 0 && objects[depth-1] && !isKey
		from = end
	}
	out.WriteString(text[copied:])
	return out.String()
}
