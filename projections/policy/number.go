package policy

import "strings"

// decimal is a number as it is written, without what does not count: no
// leading or trailing zeros. Comparing the digits is exact at any length.
type decimal struct {
	negative    bool
	whole, frac string
}

func newDecimal(s string) (decimal, bool) {
	var d decimal
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	whole, frac, dot := strings.Cut(s, ".")
	if !digits(whole) || dot && !digits(frac) {
		return decimal{}, false
	}
	d.whole, d.frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	if d.whole == "" && d.frac == "" {
		d.negative = false
	}
	return d, true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	c := len(d.whole) - len(e.whole)
	if c == 0 {
		c = strings.Compare(d.whole, e.whole)
	}
	if c == 0 {
		c = strings.Compare(d.frac, e.frac)
	}
	if d.negative {
		return -c
	}
	return c
}

// instant is a moment in seconds and nanoseconds since 1970.
type instant struct {
	seconds int64
	nanos   int32
}

func (t instant) compare(u instant) int {
	switch {
	case t.seconds < u.seconds:
		return -1
	case t.seconds > u.seconds:
		return 1
	}
	return int(t.nanos) - int(u.nanos)
}

// newInstant reads the W3C profile of ISO 8601 (year; year-month; date; date
// and time with zone, UTC if none is given) or seconds since 1970. Four digits
// alone are a year. Days run to 31 in every month, as in AWS's parser; what is
// too many runs into the next month.
func newInstant(s string) (instant, bool) {
	negative := strings.HasPrefix(s, "-")
	if negative {
		s = s[1:]
	}
	date, clock, timed := s, "", false
	if i := strings.IndexAny(s, "Tt"); i >= 0 {
		date, clock, timed = s[:i], s[i+1:], true
	}
	if !negative && !timed && digits(date) && len(date) != 4 {
		seconds, ok := wholeNumber(date, 1<<63-1)
		return instant{seconds: seconds}, ok
	}
	yearText, rest, hasMonth := strings.Cut(date, "-")
	year, ok := wholeNumber(yearText, 292278993) // the most that a count of milliseconds reaches
	if !ok || len(yearText) < 4 {
		return instant{}, false
	}
	if negative {
		year = -year
	}
	month, day := int64(1), int64(1)
	if hasMonth {
		monthText, dayText, hasDay := strings.Cut(rest, "-")
		if month, ok = twoDigits(monthText, 1, 12); !ok {
			return instant{}, false
		}
		if hasDay {
			if day, ok = twoDigits(dayText, 1, 31); !ok {
				return instant{}, false
			}
		} else if timed {
			return instant{}, false
		}
	} else if timed {
		return instant{}, false
	}
	t := instant{seconds: daysSince1970(year, month, day) * 86400}
	if !timed {
		return t, true
	}
	seconds, nanos, ok := timeOfDay(clock)
	return instant{seconds: t.seconds + seconds, nanos: nanos}, ok
}

// timeOfDay reads hh:mm[:ss[.fraction]] and the zone.
func timeOfDay(s string) (seconds int64, nanos int32, ok bool) {
	var offset int64
	if n := len(s); n > 0 && (s[n-1] == 'Z' || s[n-1] == 'z') {
		s = s[:n-1]
	} else if i := strings.IndexAny(s, "+-"); i >= 0 {
		hourText, minuteText, hasMinute := strings.Cut(s[i+1:], ":")
		hour, ok := twoDigits(hourText, 0, 23)
		if !ok {
			return 0, 0, false
		}
		minute := int64(0)
		if hasMinute {
			if minute, ok = twoDigits(minuteText, 0, 59); !ok {
				return 0, 0, false
			}
		}
		offset = hour*3600 + minute*60
		if s[i] == '-' {
			offset = -offset
		}
		s = s[:i]
	}
	hourText, rest, ok := strings.Cut(s, ":")
	if !ok {
		return 0, 0, false
	}
	minuteText, rest, hasSecond := strings.Cut(rest, ":")
	hour, ok1 := twoDigits(hourText, 0, 23)
	minute, ok2 := twoDigits(minuteText, 0, 59)
	if !ok1 || !ok2 {
		return 0, 0, false
	}
	seconds = hour*3600 + minute*60 - offset
	if !hasSecond {
		return seconds, 0, true
	}
	secondText, fraction, hasFraction := strings.Cut(rest, ".")
	second, ok := twoDigits(secondText, 0, 59)
	if !ok || hasFraction && (!digits(fraction) || len(fraction) > 9) {
		return 0, 0, false
	}
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			nanos += int32(fraction[i] - '0')
		}
	}
	return seconds + second, nanos, true
}

func twoDigits(s string, least, most int64) (int64, bool) {
	n, ok := wholeNumber(s, most)
	return n, ok && len(s) == 2 && n >= least
}

func wholeNumber(s string, most int64) (int64, bool) {
	if !digits(s) {
		return 0, false
	}
	n := int64(0)
	for i := 0; i < len(s); i++ {
		digit := int64(s[i] - '0')
		if n > (most-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, true
}

// daysSince1970 counts in the Gregorian calendar, carried back past its start.
// Years begin in March here, so that the leap day comes last.
func daysSince1970(year, month, day int64) int64 {
	if month < 3 {
		year, month = year-1, month+12
	}
	leaps := floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400)
	return 365*year + leaps + (153*(month-3)+2)/5 + day - 1 - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
