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

// Pager writes decisions by group commit: whatever comes while a page is being
// synced makes the next page, and all of its callers hear when that is on
// disk. No timer: a page goes on its way when the one before it is
// acknowledged, or behind it as soon as it is worth a sync of its own.
type Pager struct {
	log    Log
	writer string
	tell   func(Message, Hash)
	room   chan struct{} // holds one for each call whose outcome is open
	news   chan struct{} // there may be something to send
	done   chan struct{}
	stop   context.CancelFunc

	mu     sync.Mutex
	closed bool
	pages  []*page // not sent, oldest first; the last one fills
	spare  []*page
	down   error // why nothing can be written now, or nil

	// Owned by the writing goroutine.
	last  uint64
	link  Hash
	sure  bool    // last and link are the log's; false after an unknown outcome
	alone bool    // the last page came directly behind the one before: nobody else writes here now
	sent  []*page // not yet acknowledged, oldest first
}

const (
	pageEvents = 500
	pageBytes  = 256 << 10
	callBytes  = 2 << 20
	callsMost  = 4096 // calls beyond this wait outside

	inFlight    = 2  // pages sent and not acknowledged
	worthEvents = 64 // so many make a page worth sending behind another
)

// ErrUnrecorded says that it is not known whether an event was kept: whoever
// waited for it must not answer.
var ErrUnrecorded = errors.New("journal: the record could not be written")

var (
	errClosed = errors.New("the server stops")
	errLarge  = fmt.Errorf("events of one call are larger than %d MiB", callBytes>>20)
)

// NewPager begins writing as writer, of which there must be one at a time.
//
// tell, which may be nil, hears of each page that is durable, with its leaf
// hash, in order. It must not wait, nor keep the body.
func NewPager(ctx context.Context, log Log, writer string, tell func(Message, Hash)) (*Pager, error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Pager{log: log, writer: writer, tell: tell, room: make(chan struct{}, callsMost), news: make(chan struct{}, 1), done: make(chan struct{}), stop: stop}
	if err := p.resolve(ctx); err != nil {
		stop()
		return nil, err
	}
	go p.run(ctx)
	return p, nil
}

// Close stops the writer after what was added is written. Add refuses from
// then on.
func (p *Pager) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wake()
	<-p.done
	p.stop()
}

// Add puts events into one page, all or none, and returns the place of the
// first when that page is durable; the others follow it. id is the first one's.
// An error means that nobody may hear an answer. The events are the caller's
// again on return.
func (p *Pager) Add(ctx context.Context, id string, events ...[]byte) (seq uint64, index int, err error) {
	select {
	case p.room <- struct{}{}:
	default:
		select {
		case p.room <- struct{}{}:
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("%w: %w", ErrUnrecorded, ctx.Err())
		}
	}
	defer func() { <-p.room }()
	out, index, err := p.put(id, events)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	select {
	case <-out.done:
		return out.seq, index, out.err
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("%w: %w", ErrUnrecorded, ctx.Err())
	}
}

func (p *Pager) put(id string, events [][]byte) (*outcome, int, error) {
	size := 0
	for _, e := range events {
		size += len(e) + 1
	}
	if size > callBytes {
		return nil, 0, errLarge
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, 0, errClosed
	}
	g := p.filling()
	index, worth := g.n, g.worth()
	if index == 0 {
		g.m.ID = id
	}
	for _, e := range events {
		g.add(e)
	}
	if index == 0 || g.worth() && !worth {
		p.wake()
	}
	return g.out, index, nil
}

// filling is the page that takes the next events.
func (p *Pager) filling() *page {
	if n := len(p.pages); n > 0 && !p.pages[n-1].full() {
		return p.pages[n-1]
	}
	var g *page
	if n := len(p.spare); n > 0 {
		g, p.spare = p.spare[n-1], p.spare[:n-1]
		*g = page{body: g.body[:0], leaf: g.leaf}
	} else {
		g = &page{body: make([]byte, 0, pageBytes+pageBytes/8), leaf: sha256.New()}
	}
	g.out = &outcome{done: make(chan struct{})}
	p.pages = append(p.pages, g)
	return g
}

func (p *Pager) wake() {
	select {
	case p.news <- struct{}{}:
	default: // it will look anyway
	}
}

// Down tells why nothing can be written now, or nil.
func (p *Pager) Down() error { p.mu.Lock(); defer p.mu.Unlock(); return p.down }

func (p *Pager) setDown(err error) { p.mu.Lock(); p.down = err; p.mu.Unlock() }

// page is one message in the making. Its leaf hash is made as events come, so
// that it is ready when its turn to be written comes.
type page struct {
	n    int // events
	body []byte
	leaf hash.Hash
	out  *outcome

	// Once sent.
	m     Message
	sum   Hash   // of the body as a leaf
	after uint64 // it was to follow this sequence of ours
	ack   <-chan Ack
}

// outcome is what callers wait for. It outlives its page.
type outcome struct {
	done chan struct{}
	seq  uint64
	err  error
}

func (g *page) add(event []byte) {
	from := len(g.body)
	if g.n == 0 {
		g.leaf.Reset()
		g.leaf.Write([]byte{0})
		g.body = append(g.body, '[')
	} else {
		g.body = append(g.body, ',')
	}
	g.body = append(g.body, event...)
	g.leaf.Write(g.body[from:])
	g.n++
}

func (g *page) full() bool  { return g.n >= pageEvents || len(g.body) >= pageBytes }
func (g *page) worth() bool { return g.n >= worthEvents || len(g.body) >= pageBytes/4 }

// run sends pages and hears what became of them, while others fill.
func (p *Pager) run(ctx context.Context) {
	defer close(p.done)
	for {
		p.sendAll(ctx)
		if len(p.sent) == 0 {
			if p.over() {
				return
			}
			<-p.news
			continue
		}
		select {
		case <-p.news:
		case a := <-p.sent[0].ack:
			g := p.sent[0]
			p.sent = append(p.sent[:0], p.sent[1:]...)
			g.out.seq, g.out.err = p.settle(g, a)
			p.sendAll(ctx) // before the callers wake: they are many
			p.finish(g)
		}
	}
}

func (p *Pager) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed && len(p.pages) == 0
}

func (p *Pager) sendAll(ctx context.Context) {
	for g := p.next(); g != nil; g = p.next() {
		if err := p.send(ctx, g); err != nil {
			g.out.err = err
			p.finish(g)
		}
	}
}

// next is a page that is to be sent now, or nil.
func (p *Pager) next() *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pages) == 0 {
		return nil
	}
	g := p.pages[0]
	if n := len(p.sent); n > 0 && !(n < inFlight && p.sure && p.alone && g.worth()) {
		return nil
	}
	p.pages = append(p.pages[:0], p.pages[1:]...)
	return g
}

// finish lets the callers hear how it ended.
func (p *Pager) finish(g *page) {
	close(g.out.done)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spare) <= inFlight && cap(g.body) < 2*pageBytes {
		p.spare = append(p.spare, g)
	}
}

// send puts a page on its way. It goes behind the page before it, whose
// sequence is a guess while that is on its way too: a wrong guess is refused
// by the log, and so is a page behind one that was not kept.
func (p *Pager) send(ctx context.Context, g *page) error {
	if n := len(p.sent); n > 0 {
		g.begin(p.writer, p.sent[n-1].after+1, p.sent[n-1].m.Link)
	} else {
		if !p.sure {
			if err := p.resolve(ctx); err != nil {
				p.setDown(err)
				return fmt.Errorf("%w: %w", ErrUnrecorded, err)
			}
		}
		g.begin(p.writer, p.last, p.link)
	}
	g.ack = p.log.Send(Decisions, g.after, g.m)
	p.sent = append(p.sent, g)
	return nil
}

// begin makes the message of a page that follows another.
func (g *page) begin(writer string, after uint64, link Hash) {
	g.body = append(g.body, ']')
	g.leaf.Write([]byte{']'})
	g.leaf.Sum(g.sum[:0])
	g.after = after
	g.m.Key, g.m.Link, g.m.Body = writer, Next(link, g.sum), g.body
}

// settle takes in what became of the oldest page. An unknown outcome is settled
// before a page is begun anew: its events were refused, and whether they were
// kept after all decides only where the chain goes on.
func (p *Pager) settle(g *page, a Ack) (uint64, error) {
	if errors.Is(a.Err, ErrConflict) && p.sure && g.after != p.last {
		a = <-p.log.Send(Decisions, p.last, g.m) // the guess was wrong: another writer's page came between
	}
	if a.Err != nil {
		p.sure = false
		p.setDown(a.Err)
		return 0, fmt.Errorf("%w: %w", ErrUnrecorded, a.Err)
	}
	p.alone = a.Seq == p.last+1
	p.last, p.link, p.sure = a.Seq, g.m.Link, true
	p.setDown(nil)
	if p.tell != nil {
		g.m.Seq = a.Seq
		p.tell(g.m, g.sum)
	}
	return a.Seq, nil
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
