package projections

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// A dump is a World in canonical form: equal Worlds have equal bytes. It is
// lines of JSON: first the world, then each account, by id, followed by its
// policies, groups, users, roles and instance profiles, by folded name, then
// all access keys, by id. Indexes are not in it, nor what AWS manages.
const dumpVersion = 1

// line is one line: exactly one member is set.
type line struct {
	World   *header          `json:"world,omitempty"`
	Account *Account         `json:"account,omitempty"`
	Policy  *Policy          `json:"policy,omitempty"`
	Group   *Group           `json:"group,omitempty"`
	User    *User            `json:"user,omitempty"`
	Role    *Role            `json:"role,omitempty"`
	Profile *InstanceProfile `json:"instanceProfile,omitempty"`
	Key     *AccessKey       `json:"accessKey,omitempty"`
}

type header struct {
	Version int    `json:"version"`
	Seq     uint64 `json:"seq"`
}

// Dump writes w in canonical form.
func (w *World) Dump(out io.Writer) error {
	buf := bufio.NewWriterSize(out, 1<<16)
	enc := json.NewEncoder(buf) // ends each value with a newline
	err := enc.Encode(line{World: &header{dumpVersion, w.Seq}})
	for _, a := range w.accounts.after("") {
		err = errors.Join(err, enc.Encode(line{Account: a}))
		err = errors.Join(err, dump(enc, &a.policies, func(p *Policy) line { return line{Policy: p} }))
		err = errors.Join(err, dump(enc, &a.groups, func(g *Group) line { return line{Group: g} }))
		err = errors.Join(err, dump(enc, &a.users, func(u *User) line { return line{User: u} }))
		err = errors.Join(err, dump(enc, &a.roles, func(r *Role) line { return line{Role: r} }))
		err = errors.Join(err, dump(enc, &a.profiles, func(p *InstanceProfile) line { return line{Profile: p} }))
		if err != nil {
			return err
		}
	}
	for _, k := range w.keys.after("") {
		if err := enc.Encode(line{Key: k}); err != nil {
			return err
		}
	}
	return errors.Join(err, buf.Flush())
}

func dump[E interface{ entity() *Entity }](enc *json.Encoder, r *roster[E], as func(E) line) error {
	for _, e := range r.after("") {
		if err := enc.Encode(as(e)); err != nil {
			return err
		}
	}
	return nil
}

// Hash is the SHA-256 of the dump: equal for Worlds that give equal answers.
func (w *World) Hash() [32]byte {
	h := sha256.New()
	if err := w.Dump(h); err != nil {
		panic("projections: " + err.Error()) // a hash refuses no bytes, and every entity is JSON
	}
	return [32]byte(h.Sum(nil))
}

const chunkSize = 1 << 18

// Load reads a dump. It trusts its content: whoever keeps a dump authenticates it.
func Load(in io.Reader) (*World, error) {
	type chunk struct {
		lines []line
		err   error
	}
	// Chunks are decoded on all cores and taken in, in order, by this one.
	queue := make(chan chan chunk, runtime.GOMAXPROCS(0)+1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(queue)
		r := bufio.NewReaderSize(in, chunkSize)
		for {
			text := make([]byte, chunkSize)
			n, err := io.ReadFull(r, text)
			text = text[:n]
			if err == nil {
				var rest []byte
				rest, err = r.ReadBytes('\n') // the line that was cut
				text = append(text, rest...)
			}
			done := make(chan chunk, 1)
			select {
			case queue <- done:
			case <-stop:
				return
			}
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				done <- chunk{err: err}
				return
			}
			go func() {
				lines, err := parse(text)
				done <- chunk{lines, err}
			}()
			if err != nil {
				return
			}
		}
	}()
	w, a := &World{}, (*Account)(nil)
	first := true
	for done := range queue {
		c := <-done
		if c.err != nil {
			return nil, fmt.Errorf("projections: dump: %w", c.err)
		}
		for _, l := range c.lines {
			if first != (l.World != nil) || first && l.World.Version != dumpVersion {
				return nil, errors.New("projections: not a dump of this version")
			}
			first = false
			if a = w.take(a, l); a == nil && l.World == nil {
				return nil, errors.New("projections: dump: an entity outside of an account")
			}
		}
	}
	if first {
		return nil, errors.New("projections: dump: empty")
	}
	return w, nil
}

func parse(text []byte) (lines []line, err error) {
	for len(text) > 0 {
		one, rest, whole := bytes.Cut(text, []byte{'\n'})
		var l line
		if !whole {
			return nil, io.ErrUnexpectedEOF
		}
		if err := json.Unmarshal(one, &l); err != nil {
			return nil, err
		}
		lines, text = append(lines, l), rest
	}
	return lines, nil
}

// take adds what a line holds, to account a if it belongs to one, and returns
// the account that the next line is of.
func (w *World) take(a *Account, l line) *Account {
	if l.Account != nil {
		a = l.Account
		a.grants = newVersion()
		w.accounts.add(a.ID, a)
		if a.Alias != "" {
			w.aliases.set(a.Alias, a.ID)
		}
	}
	if a == nil {
		if l.World != nil {
			w.Seq = l.World.Seq
		}
		return nil
	}
	switch {
	case l.Policy != nil:
		w.own(&l.Policy.Entity)
		for _, v := range l.Policy.Versions {
			v.Document = document(v.Document.Text)
		}
		a.addPolicy(l.Policy)
	case l.Group != nil:
		w.ownIdentity(&l.Group.Identity)
		a.addGroup(l.Group)
	case l.User != nil:
		w.ownIdentity(&l.User.Identity)
		for i, g := range l.User.Groups {
			l.User.Groups[i] = w.share(g)
		}
		a.addUser(l.User)
	case l.Role != nil:
		w.ownIdentity(&l.Role.Identity)
		l.Role.Trust = document(l.Role.Trust.Text)
		a.addRole(l.Role)
	case l.Profile != nil:
		w.own(&l.Profile.Entity)
		a.addInstanceProfile(l.Profile)
	case l.Key != nil:
		w.ownKey(l.Key)
	}
	return a
}

func (w *World) own(e *Entity) {
	e.Path, e.Tags = w.share(e.Path), w.shareTags(e.Tags)
}

func (w *World) ownIdentity(i *Identity) {
	w.own(&i.Entity)
	for n, p := range i.Inline {
		i.Inline[n] = Inline{w.share(p.Name), document(p.Document.Text)}
	}
	for n, id := range i.Attached {
		i.Attached[n] = w.share(id)
	}
}

func (w *World) ownKey(k *AccessKey) {
	if a, ok := w.Account(k.Account); ok {
		k.Account = a.ID
		if u, ok := a.UserByID(k.UserID); ok {
			k.UserID = u.ID
		}
	}
	w.keys.add(k.ID, k)
}
