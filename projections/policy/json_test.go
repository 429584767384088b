package policy

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// What our decoder accepts, encoding/json accepts, and both read the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b"}`, `{"a":[1,-2.5,true,false,null,"\u00e9\ud83d\ude00\n"]}`, `{"a":{"b":{"c":[]}}}`, `{"a":1,"a":2}`,
		"{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\udc00"}`, "\ufeff{}", `{} {}`, `{"a":1e5}`, `{"a":01}`, `{"a":"\u0000"}`, " {\t\"a\"\n:\r1 } ", `{"a":}`, `{"é":"é"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n node
		var err error
		best := time.Hour
		for i := 0; i == 0 || i < 5 && best > slow*50*time.Millisecond; i++ { // others use the machine too
			began := time.Now()
			n, err = decode(text)
			best = min(best, time.Since(began))
		}
		if best > slow*50*time.Millisecond {
			t.Errorf("%v for %d bytes", best, len(text))
		}
		if err != nil {
			return
		}
		var want map[string]any
		dec := json.NewDecoder(stringReader(text))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil || !utf8.ValidString(text) {
			t.Fatalf("accepted %q: %v", text, err)
		}
		if diff := cmp.Diff(want, n.plain()); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

// plain is the value as encoding/json gives it.
func (n node) plain() any {
	switch n.kind {
	case jsonNull:
		return nil
	case jsonBool:
		return n.text == "true"
	case jsonNumber:
		return json.Number(n.text)
	case jsonString:
		return n.text
	case jsonList:
		list := []any{}
		for _, item := range n.items {
			list = append(list, item.plain())
		}
		return list
	}
	object := map[string]any{}
	for i, key := range n.keys {
		object[key] = n.items[i].plain()
	}
	return object
}
