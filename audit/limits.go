package audit

import (
	"sync"

	"golang.org/x/time/rate"
)

// Limits bounds how often each access key may ask, and how many requests of
// nobody (unsigned, or by a key that does not exist) are written down. What it
// turns away is not judged and not recorded, so it must only turn away floods.
// A nil Limits has none.
type Limits struct {
	perKey  rate.Limit
	unknown *rate.Limiter

	mu      sync.Mutex
	buckets map[string]*rate.Limiter // guarded by mu
}

// NewLimits makes limits in requests per second; perKey 0 is none.
func NewLimits(perKey, unknown float64) *Limits {
	return &Limits{perKey: rate.Limit(perKey), unknown: rate.NewLimiter(rate.Limit(unknown), int(2*unknown)), buckets: map[string]*rate.Limiter{}}
}

const maxBuckets = 1 << 16

func (l *Limits) allowUnknown() bool { return l == nil || l.unknown.Allow() }

func (l *Limits) allow(p Proof) bool {
	if l == nil || l.perKey == 0 || p == nil {
		return true
	}
	key := p.KeyID()
	l.mu.Lock()
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets) // a flood of names costs everybody one burst, not memory
		}
		b = rate.NewLimiter(l.perKey, max(1, int(2*l.perKey)))
		l.buckets[key] = b
	}
	l.mu.Unlock()
	return b.Allow()
}
