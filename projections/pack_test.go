package projections

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// everything is a World with so many accounts, each with one of each kind of
// entity, every member of it set.
func everything(accounts, users int) *World {
	w, n := &World{Seq: 77}, 0
	for range accounts {
		a := set(&Account{}, &n)
		w.accounts.add(a.ID, a)
		w.aliases.set(a.Alias, a.ID)
		a.addPolicy(set(&Policy{}, &n))
		a.addGroup(set(&Group{}, &n))
		for range users {
			a.addUser(set(&User{}, &n))
		}
		a.addRole(set(&Role{}, &n))
		a.addInstanceProfile(set(&InstanceProfile{}, &n))
		r := set(&Resource{}, &n)
		a.resources.set(r.ARN, r)
		w.owners.set(r.ARN, a.ID) // it names no account
		a.devices.add(a.age, set(&MFADevice{}, &n))
		a.oidcs.add(a.age, set(&OIDCProvider{}, &n))
		a.samls.add(a.age, set(&SAMLProvider{}, &n))
		o := set(&Organization{}, &n)
		w.organizations.set(o.ID, o.ready())
		k := set(&AccessKey{}, &n)
		w.keys.add(k.ID, k)
	}
	return w
}

// set gives every exported member below v a value that no other has.
func set[T any](v *T, n *int) *T { fill(reflect.ValueOf(v).Elem(), n); return v }

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%08d", *n))
	case reflect.Int:
		v.SetInt(int64(*n) * (1 - 2*int64(*n%2)))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(k, n)
			fill(e, n)
			v.SetMapIndex(k, e)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			at := time.Unix(int64(*n)*1e4, int64(*n)).UTC()
			if *n%3 == 0 {
				at = at.In(time.FixedZone("", -5400))
			}
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() || v.Type().Field(i).Anonymous {
				fill(v.Field(i), n)
			}
		}
	default:
		panic("a member of kind " + v.Kind().String())
	}
}

func text(t testing.TB, w *World) string {
	t.Helper()
	var b bytes.Buffer
	if err := w.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func packed(t testing.TB, w *World) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := w.Pack(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A pack has every member of every entity, those too that somebody added
// yesterday; and the World from it is the one that went in, indexes and all,
// wherever frames end.
func TestPackHasEveryMember(t *testing.T) {
	for _, w := range []*World{{}, {Seq: 5}, everything(1, 1), everything(3, 2500), everything(2500, 2)} {
		pack := packed(t, w)
		got, err := Unpack(pack)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text(t, w), text(t, got)); diff != "" || got.Seq != w.Seq {
			t.Fatalf("in (-) and out (+):\n%s", diff[:min(len(diff), 4000)])
		}
		if diff := cmp.Diff(w.Indexes(), got.Indexes()); diff != "" {
			t.Fatalf("indexes, in (-) and out (+):\n%s", diff[:min(len(diff), 4000)])
		}
		if !bytes.Equal(pack, packed(t, got)) {
			t.Error("packed again it is another pack")
		}
		if _, all, err := frames(pack); err != nil || w.keys.len() > 2000 && len(all) < 3 {
			t.Errorf("%d frames, %v: nothing was tested of what goes on in the next", len(all), err)
		}
	}
}

// Bytes that are no pack are refused: cut anywhere, with an entity that is of
// no account, longer than they say.
func TestNoPack(t *testing.T) {
	pack := packed(t, everything(1, 2))
	for i := range pack {
		if _, err := Unpack(pack[:i]); err == nil {
			t.Fatalf("cut at %d of %d: taken", i, len(pack))
		}
	}
	if _, err := Unpack(append(pack, 0)); err == nil {
		t.Error("a byte more: taken")
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, frame := range map[string]string{
		"a group of nobody": "g" + strings.Repeat("\x00", 20), "an unknown kind": "x", "a number without end": "k" + strings.Repeat("\xff", 20),
		"more than there is": "k\x7fabc", "a reference to nothing": "k\x00\x05",
	} {
		f := z.EncodeAll([]byte(frame), nil)
		if _, err := Unpack(append(append([]byte{1, byte(len(f))}, f...), 0)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Whatever bytes a frame is, reading it ends without a panic, and what is
// taken is a World that can be dumped.
func FuzzUnpack(f *testing.F) {
	n := 0
	for _, add := range []func(*World, *Account){ // each small: the fuzzer takes long to make a large one smaller
		func(w *World, a *Account) { a.addPolicy(set(&Policy{}, &n)) },
		func(w *World, a *Account) { a.addGroup(set(&Group{}, &n)) },
		func(w *World, a *Account) { a.addUser(set(&User{}, &n)) },
		func(w *World, a *Account) { a.addRole(set(&Role{}, &n)) },
		func(w *World, a *Account) { a.addInstanceProfile(set(&InstanceProfile{}, &n)) },
		func(w *World, a *Account) { a.devices.add(a.age, set(&MFADevice{}, &n)) },
		func(w *World, a *Account) { k := set(&AccessKey{}, &n); w.keys.add(k.ID, k) },
	} {
		w, a := &World{}, &Account{ID: "1"}
		w.accounts.add(a.ID, a)
		add(w, a)
		_, all, err := frames(packed(f, w))
		if err != nil {
			f.Fatal(err)
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			f.Fatal(err)
		}
		b, err := z.DecodeAll(all[0], nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &World{}
		if _, err := w.enter(nil, unpackFrame(string(b))); err == nil {
			text(t, w)
		}
	})
}
