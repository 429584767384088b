package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// readHeader reads the Authorization header,
//
//	AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…
//
// with its parts in any order and blanks around the commas as the client likes.
func (s *Signature) readHeader(auth string, h http.Header) error {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(auth), " ")
	if scheme != algorithm {
		if strings.HasPrefix(scheme, "AWS4-") {
			return incomplete("Unsupported AWS 'algorithm': '" + clip(scheme) + "'")
		}
		return incomplete("Invalid key=value pair (missing equal-sign) in Authorization header " + hashed(auth))
	}
	var credential string
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(strings.Trim(part, " \t"), "=")
		if !ok {
			return incomplete("Invalid key=value pair (missing equal-sign) in Authorization header " + hashed(auth))
		}
		var into *string
		switch name {
		case "Credential":
			into = &credential
		case "SignedHeaders":
			into = &s.signed
		case "Signature":
			into = &s.given
		default:
			return incomplete("Authorization header has an unknown parameter. " + hashed(auth))
		}
		if *into != "" {
			return incomplete("Authorization header has a parameter twice. " + hashed(auth))
		}
		*into = value
	}
	stamp, date := one(h["X-Amz-Date"]), one(h["Date"])
	if credential == "" || s.given == "" || s.signed == "" || stamp == "" && date == "" {
		missing := ""
		for _, p := range [...]struct{ name, value string }{{"Credential", credential}, {"Signature", s.given}, {"SignedHeaders", s.signed}} {
			if p.value == "" {
				missing += "Authorization header requires '" + p.name + "' parameter. "
			}
		}
		if stamp == "" && date == "" {
			missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
		}
		return incomplete(missing + hashed(auth))
	}
	if err := s.readCredential(credential); err != nil {
		return err
	}
	s.token = one(h["X-Amz-Security-Token"])
	if stamp == "" {
		// Only the Date header: in ISO form as it is, in HTTP's form rewritten.
		if t, err := http.ParseTime(date); err == nil {
			s.time, s.stamp = t.UTC(), t.UTC().Format(basicISO)
			return nil
		}
		stamp = date
	}
	return s.readTime(stamp)
}

func one(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// readCredential takes keyid/date/region/service/term apart.
func (s *Signature) readCredential(c string) error {
	var scope string
	var term string
	var ok [4]bool
	s.keyID, scope, ok[0] = strings.Cut(c, "/")
	s.date, term, ok[1] = strings.Cut(scope, "/")
	s.region, term, ok[2] = strings.Cut(term, "/")
	s.service, term, ok[3] = strings.Cut(term, "/")
	if ok != [4]bool{true, true, true, true} || strings.Contains(term, "/") || s.keyID == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + clip(c) + "'")
	}
	if len(s.keyID) > 128 {
		return InvalidToken() // no access key id is longer
	}
	s.scope = scope
	return nil
}

// readTime reads ISO 8601's basic form with whole seconds in UTC, digit by
// digit: time.Parse would allow fractions.
func (s *Signature) readTime(stamp string) error {
	bad := func() error {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '" + clip(stamp) + "'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	if len(stamp) != len(basicISO) || stamp[8] != 'T' || stamp[15] != 'Z' {
		return bad()
	}
	var digits [14]int
	for i, at := range [14]int{0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14} {
		d := stamp[at] - '0'
		if d > 9 {
			return bad()
		}
		digits[i] = int(d)
	}
	two := func(i int) int { return digits[i]*10 + digits[i+1] }
	month, day, hour, minute, second := two(4), two(6), two(8), two(10), two(12)
	t := time.Date(two(0)*100+two(2), time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day || hour > 23 || minute > 59 || second > 59 {
		return bad()
	}
	s.time, s.stamp = t, stamp
	return nil
}
