package projections

import (
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/keytrail/keytrail/projections/policy"
)

// Document is a policy document as it was sent, byte for byte. Equal documents
// are one Document, so it is compiled once, when first judged by. It is safe
// for concurrent use.
type Document struct {
	Text     string
	compiled [policy.ResourceControl + 1]atomic.Pointer[policy.Policy]
}

// Policy is the document compiled for one use.
func (d *Document) Policy(kind policy.Kind) *policy.Policy {
	if p := d.compiled[kind].Load(); p != nil {
		return p
	}
	p, err := policy.Parse(kind, d.Text)
	if err != nil {
		// Commands refuse what does not parse, so an older program was more
		// lenient. A document in doubt denies everything.
		text := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
		switch kind {
		case policy.Trust:
			text = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*"}}`
		case policy.Resource, policy.ResourceControl:
			text = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`
		}
		p, _ = policy.Parse(kind, text)
	}
	d.compiled[kind].CompareAndSwap(nil, p)
	return d.compiled[kind].Load()
}

// MarshalText and UnmarshalText make a Document a string in JSON.
func (d *Document) MarshalText() ([]byte, error) { return []byte(d.Text), nil }
func (d *Document) UnmarshalText(b []byte) error { d.Text = string(b); return nil }

// documents finds the Document of a text while anybody holds it.
var documents [16]struct {
	sync.Mutex
	byText map[string]weak.Pointer[Document]
}

var documentSeed = maphash.MakeSeed()

func document(text string) *Document {
	shard := &documents[maphash.String(documentSeed, text)%uint64(len(documents))]
	shard.Lock()
	defer shard.Unlock()
	if d := shard.byText[text].Value(); d != nil {
		return d
	}
	if shard.byText == nil {
		shard.byText = map[string]weak.Pointer[Document]{}
	}
	d := &Document{Text: text}
	shard.byText[text] = weak.Make(d)
	runtime.AddCleanup(d, func(text string) {
		shard.Lock()
		defer shard.Unlock()
		if shard.byText[text].Value() == nil {
			delete(shard.byText, text)
		}
	}, text)
	return d
}
