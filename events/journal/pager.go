package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"
)

// Pager writes decisions by group commit: one goroutine takes whatever waits,
// writes it as one page, and tells all of its callers when the page is on
// disk. No timer: while one page is being synced the next one fills.
type Pager struct {
	log    Log
	writer string
	tell   func(Message, Hash)
	queue  chan *waiter
	done   chan struct{}
	stop   context.CancelFunc

	closing sync.RWMutex // held for reading while an event is put into the queue
	closed  bool         // guarded by closing

	// Owned by the writing goroutine.
	last uint64
	link Hash
	sure bool // last and link are the log's; false after an unknown outcome

	mu   sync.Mutex
	down error // guarded by mu: why nothing can be written now, or nil
}

type waiter struct {
	id    string
	event []byte
	done  chan result
}

type result struct {
	seq   uint64
	index int
	err   error
}

const (
	pageEvents = 500
	pageBytes  = 256 << 10
	queueSize  = 4096 // requests in flight beyond this wait outside
)

// ErrUnrecorded says that it is not known whether an event was kept: whoever
// waited for it must not answer.
var ErrUnrecorded = errors.New("journal: the record could not be written")

// NewPager begins writing as writer, of which there must be one at a time.
//
// tell, which may be nil, hears of each page that is durable, with its leaf
// hash, in order. It must not wait, nor keep the body.
func NewPager(ctx context.Context, log Log, writer string, tell func(Message, Hash)) (*Pager, error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Pager{log: log, writer: writer, tell: tell, queue: make(chan *waiter, queueSize), done: make(chan struct{}), stop: stop}
	if err := p.resolve(ctx); err != nil {
		stop()
		return nil, err
	}
	go p.run(ctx)
	return p, nil
}

// Close stops the writer after what is queued was written. Add refuses from
// then on.
func (p *Pager) Close() {
	p.closing.Lock()
	p.closed = true
	close(p.queue)
	p.closing.Unlock()
	<-p.done
	p.stop()
}

// Add puts one event into the next page and returns its place when that page
// is durable. An error means that nobody may hear an answer.
func (p *Pager) Add(ctx context.Context, id string, event []byte) (seq uint64, index int, err error) {
	w := &waiter{id, event, make(chan result, 1)}
	if err := p.put(ctx, w); err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	select {
	case r := <-w.done:
		return r.seq, r.index, r.err
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("%w: %w", ErrUnrecorded, ctx.Err())
	}
}

var errClosed = errors.New("the server stops")

func (p *Pager) put(ctx context.Context, w *waiter) error {
	p.closing.RLock()
	defer p.closing.RUnlock()
	if p.closed {
		return errClosed
	}
	select {
	case p.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Down tells why nothing can be written now, or nil.
func (p *Pager) Down() error { p.mu.Lock(); defer p.mu.Unlock(); return p.down }

func (p *Pager) setDown(err error) { p.mu.Lock(); p.down = err; p.mu.Unlock() }

// page is one message in the making. Its leaf hash is made as events come, so
// that it is ready when its turn to be written comes.
type page struct {
	waiters []*waiter
	body    []byte
	leaf    hash.Hash
}

func newPage() *page { return &page{body: make([]byte, 0, pageBytes+pageBytes/8), leaf: sha256.New()} }

func (g *page) add(w *waiter) {
	from := len(g.body)
	if from == 0 {
		g.leaf.Reset()
		g.leaf.Write([]byte{0})
		g.body = append(g.body, '[')
	} else {
		g.body = append(g.body, ',')
	}
	g.body = append(g.body, w.event...)
	g.leaf.Write(g.body[from:])
	g.waiters = append(g.waiters, w)
}

func (g *page) full() bool { return len(g.waiters) >= pageEvents || len(g.body) >= pageBytes }

func (g *page) close() (leaf Hash) {
	g.body = append(g.body, ']')
	g.leaf.Write([]byte{']'})
	g.leaf.Sum(leaf[:0])
	return leaf
}

// run fills one page while the other is being synced.
func (p *Pager) run(ctx context.Context) {
	defer close(p.done)
	ready, free := make(chan *page), make(chan *page, 2)
	free <- newPage()
	free <- newPage()
	go func() {
		defer close(ready)
		p.fill(ready, free)
	}()
	for g := range ready {
		seq, err := p.write(ctx, g)
		for i, w := range g.waiters {
			w.done <- result{seq, i, err}
		}
		clear(g.waiters)
		g.waiters, g.body = g.waiters[:0], g.body[:0]
		free <- g
	}
}

// fill makes pages until the queue is closed. A page grows until the writer
// takes it.
func (p *Pager) fill(ready chan<- *page, free <-chan *page) {
	for first := range p.queue {
		g := <-free
		g.add(first)
		for taken := false; !taken; {
			queue := p.queue
			if g.full() {
				queue = nil
			}
			select {
			case w, ok := <-queue: // first what waits: a page costs a sync
				if !ok {
					ready <- g
					return
				}
				g.add(w)
				continue
			default:
			}
			select {
			case ready <- g:
				taken = true
			case w, ok := <-queue:
				if !ok {
					ready <- g
					return
				}
				g.add(w)
			}
		}
	}
}

// write appends one page. An unknown outcome is settled before the next page:
// its events were refused, and whether they were kept after all decides only
// where the chain goes on.
func (p *Pager) write(ctx context.Context, g *page) (uint64, error) {
	if !p.sure {
		if err := p.resolve(ctx); err != nil {
			p.setDown(err)
			return 0, fmt.Errorf("%w: %w", ErrUnrecorded, err)
		}
	}
	leaf := g.close()
	m := Message{Key: p.writer, ID: g.waiters[0].id, Link: Next(p.link, leaf), Body: g.body}
	seq, err := p.log.Append(ctx, Decisions, p.last, m)
	if err != nil {
		p.sure = false
		p.setDown(err)
		return 0, fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	p.last, p.link = seq, m.Link
	p.setDown(nil)
	if p.tell != nil {
		m.Seq = seq
		p.tell(m, leaf)
	}
	return seq, nil
}

// resolve finds where the chain goes on. What was acknowledged must be there:
// a writer that went on below it would give sequences out twice.
func (p *Pager) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	m, err := p.log.Last(ctx, Decisions, p.writer)
	switch {
	case (err == nil || errors.Is(err, ErrNone)) && (m.Seq < p.last || m.Seq == p.last && p.last > 0 && m.Link != p.link):
		return fmt.Errorf("%w: DECISIONS holds sequence %d of %s where %d was acknowledged", ErrDamaged, m.Seq, p.writer, p.last)
	case errors.Is(err, ErrNone):
		p.last, p.link = 0, Genesis(Decisions, p.writer)
	case err != nil:
		return err
	default:
		p.last, p.link = m.Seq, m.Link
	}
	p.sure = true
	return nil
}
