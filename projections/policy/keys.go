package policy

import (
	"encoding/base64"
	"strings"
)

// KeyUse is a condition key that a document looks at, and with how many values
// and variables it does.
type KeyUse struct {
	Name string
	Uses int
}

// Keys lists the condition keys that a document looks at, in conditions and in
// variables: in the order of the text, spelled as they first are, each once
// whatever its case. A document that does not parse has none.
func Keys(document string) []KeyUse {
	root, err := decode(document)
	if err != nil {
		return nil
	}
	l := keyList{at: map[string]int{}}
	for i, key := range root.keys {
		l.modern = l.modern || key == "Version" && root.items[i].text == "2012-10-17"
	}
	for i, key := range root.keys {
		if key != "Statement" {
			continue
		}
		statements := root.items[i].items
		if root.items[i].kind == jsonObject {
			statements = root.items[i : i+1]
		}
		for _, s := range statements {
			l.statement(s)
		}
	}
	return l.keys
}

type keyList struct {
	modern bool
	keys   []KeyUse
	at     map[string]int // by folded name
}

func (l *keyList) add(key string, uses int) {
	folded := fold(key)
	at, ok := l.at[folded]
	if !ok {
		at = len(l.keys)
		l.at[folded] = at
		l.keys = append(l.keys, KeyUse{Name: key})
	}
	l.keys[at].Uses += uses
}

func (l *keyList) statement(s node) {
	for i, element := range s.keys {
		switch element {
		case "Resource", "NotResource":
			list, _ := texts(s.items[i])
			for _, r := range list {
				if at := splitARN(r); at >= 0 { // variables work in the sixth part only
					l.variables(r[at:])
				}
			}
		case "Condition":
			for k, operator := range s.items[i].keys {
				op, _, _, _ := lookOperator(operator)
				takesVariables := op.family == stringEquals || op.family == stringEqualsIgnoreCase || op.family == stringLike || op.family == arnLike
				keys := s.items[i].items[k]
				for n, key := range keys.keys {
					values := keys.items[n]
					if values.kind != jsonList {
						values.items = []node{values}
					}
					l.add(key, len(values.items))
					for _, v := range values.items {
						if takesVariables && v.kind == jsonString {
							l.variables(v.text)
						}
					}
				}
			}
		}
	}
}

// variables reads s as encode does.
func (l *keyList) variables(s string) {
	closed := strings.LastIndexByte(s, '}')
	for i := 0; l.modern && i < closed; i++ {
		if s[i] != '$' || s[i+1] != '{' {
			continue
		}
		name, _, hasFallback, size := cutVariable(s[i:])
		if hasFallback || name != "*" && name != "?" && name != "$" {
			l.add(name, 1)
		}
		i += size - 1
	}
}

// Reads reports whether a value of a condition key can be read as a type of
// the simulator's: string, numeric, boolean, ip, binary or date.
func Reads(typ, value string) (ok bool) {
	switch typ {
	case "string":
		return true
	case "numeric":
		_, ok = newDecimal(value)
	case "boolean":
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case "ip":
		_, ok = newAddr(value)
	case "binary":
		_, err := base64.StdEncoding.DecodeString(value)
		ok = err == nil
	case "date":
		_, ok = newInstant(value)
	}
	return ok
}
