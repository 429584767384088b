package audit

import (
	"sync"

	"golang.org/x/time/rate"
)

// Limits bounds how often each access key and each account may ask, and how
// many requests without proof are written down: those of nobody (unsigned, or by
// a key that does not exist) together, and those in the name of a key by key.
// What it turns away is not judged and has no record of its own, only a count
// (see throttled.go), so it must only turn away floods. Who can't prove to have
// a key spends nothing of its rate. A nil Limits has none.
type Limits struct {
	perKey, perAccount rate.Limit
	unknown            *rate.Limiter

	mu      sync.Mutex
	buckets map[string]*rate.Limiter // guarded by mu; by account, key, and "?" and key
	away    map[throttled]turnedAway // guarded by mu; not written down yet
}

// NewLimits makes limits in requests per second; 0 of a key or account is none.
func NewLimits(perKey, perAccount, unknown float64) *Limits {
	return &Limits{
		perKey: rate.Limit(perKey), perAccount: rate.Limit(perAccount),
		unknown: rate.NewLimiter(rate.Limit(unknown), int(2*unknown)), buckets: map[string]*rate.Limiter{},
	}
}

const (
	maxBuckets   = 1 << 16
	unprovedRate = 50 // requests in the name of one key that are written down, per second
)

// allow says whether a caller may ask once more.
func (l *Limits) allow(key, account string) bool {
	return l == nil || l.spend(key, l.perKey) && l.spend(account, l.perAccount)
}

// allowUnproved says whether a request without proof is written down; key is
// empty if it names none that exists.
func (l *Limits) allowUnproved(key string) bool {
	if l == nil {
		return true
	}
	if key == "" {
		return l.unknown.Allow()
	}
	return l.spend("?"+key, unprovedRate)
}

func (l *Limits) spend(name string, limit rate.Limit) bool {
	if limit == 0 {
		return true
	}
	l.mu.Lock()
	b, ok := l.buckets[name]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets) // a flood of names costs everybody one burst, not memory
		}
		b = rate.NewLimiter(limit, max(1, int(2*limit)))
		l.buckets[name] = b
	}
	l.mu.Unlock()
	return b.Allow()
}
