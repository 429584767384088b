package policy

import "strings"

// readGranting checks policies that name their principals: trust policies, in
// the words of IAM's own parser for them, and resource policies, which share
// the rules for principals.
func readGranting(kind Kind, root node) (*source, string) {
	doc, ok := readShape(root)
	if !ok {
		return nil, shapeFault(root)
	}
	if len(doc.statements) == 0 {
		return nil, "Could not parse the policy: Statement is empty!"
	}
	for i := range doc.statements {
		s := &doc.statements[i]
		switch {
		case s.twoPrincipals:
			return nil, alreadyHas("Principal")
		case s.twoActions:
			return nil, alreadyHas("Action")
		case s.twoResources:
			return nil, alreadyHas("Resource")
		case !s.hasEffect:
			return nil, missing("Effect")
		case !s.hasPrincipal:
			return nil, missing("Principal")
		case len(s.principals) == 0:
			return nil, missing("Principal") + " cannot be empty!"
		}
		if message := checkGranting(kind, s); message != "" {
			return nil, message
		}
	}
	if kind == Resource {
		if message := checkStatements(doc, kind); message != "" {
			return nil, message
		}
	} else {
		for i := range doc.statements {
			if !legacy(&doc.statements[i], doc.modern()) {
				return nil, "The policy failed legacy parsing"
			}
		}
		if message := checkSids(doc, false); message != "" {
			return nil, message
		}
	}
	for i := range doc.statements {
		for _, ref := range doc.statements[i].principals {
			if _, _, ok := readPrincipal(ref, kind); !ok {
				return nil, InvalidPrincipal(ref).Message
			}
		}
	}
	return doc, ""
}

func alreadyHas(element string) string {
	return "Statement/policy already has instance of " + element
}

func missing(element string) string { return "Missing required field " + element }

// shapeFault words what readShape refused.
func shapeFault(root node) string {
	if !contains(root.keys, "Statement") {
		return missing("Statement")
	}
	return syntaxErrors
}

func checkGranting(kind Kind, s *sourceStatement) string {
	if kind == Resource {
		return ""
	}
	switch {
	case s.hasResource:
		return "Has prohibited field Resource"
	case !s.hasAction || len(s.actions) == 0:
		return missing("Action")
	case s.notAction:
		return "AssumeRole policy may only specify STS AssumeRole actions."
	case s.notPrincipal && s.effect == "Allow":
		return "Allow with NotPrincipal is not allowed."
	}
	for _, a := range s.actions {
		if !assumes(a) {
			return "AssumeRole policy may only specify STS AssumeRole actions."
		}
	}
	return ""
}

// assumes reports whether an action belongs into a trust policy: assuming the
// role in any way, and what is passed along while doing so.
func assumes(action string) bool {
	a := lowerASCII(action)
	switch a {
	case "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity",
		"sts:tagsession", "sts:setsourceidentity", "sts:setcontext":
		return true
	}
	return strings.HasPrefix(a, "sts:assumerole") && strings.ContainsAny(a, "*?") && strings.Count(a, ":") == 1
}

// checkLooseARN is the format of Resource in resource policies: services
// differ, and a short ARN is kept, though it matches nothing.
func checkLooseARN(r string) string {
	if r != "*" && !strings.Contains(r, ":") {
		return "Resource " + r + ` must be in ARN format or "*".`
	}
	return ""
}
