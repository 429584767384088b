package policy

import "strings"

// Names lists what the Allow statements of a document name without a wildcard
// or a variable: actions and resources, as they are written. What is only
// covered by a pattern can't be listed. A document that does not parse has
// none.
func Names(document string) (actions, resources []string) {
	root, err := decode(document)
	if err != nil {
		return nil, nil
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
			allows := false
			for k, element := range s.keys {
				allows = allows || element == "Effect" && s.items[k].text == "Allow"
			}
			for k, element := range s.keys {
				switch list, _ := texts(s.items[k]); {
				case !allows:
				case element == "Action":
					actions = literal(actions, list, "*?")
				case element == "Resource":
					resources = literal(resources, list, "*?$")
				}
			}
		}
	}
	return actions, resources
}

func literal(to, list []string, wild string) []string {
	for _, s := range list {
		if !strings.ContainsAny(s, wild) {
			to = append(to, s)
		}
	}
	return to
}
