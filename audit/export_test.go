package audit

import "context"

// HoldHashes lets no password be hashed until release is called; waiting says
// how many requests wait for it.
func (g *Gate) HoldHashes() (waiting func() int, release func()) {
	for range hashesAtOnce {
		g.hashers.cores <- struct{}{}
	}
	return func() int { return len(g.hashers.room) }, func() {
		for range hashesAtOnce {
			<-g.hashers.cores
		}
	}
}

// HashesWaiting is how many requests may wait for a password to be hashed, or
// have one hashed.
const HashesWaiting = hashesAtOnce + hashesWaiting

// Commit appends a unit that was judged at a sequence.
func (g *Gate) Commit(ctx context.Context, account string, judged uint64, body []byte) (uint64, error) {
	return g.commit(ctx, account, newID(), judged, body)
}
