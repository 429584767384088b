package projections

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/keytrail/keytrail/events"
)

// A pack is what a dump holds, in the form in which a snapshot keeps it: read
// several times faster, on all cores, and by nobody else. It is the World's
// sequence and then frames, each after its length, the last of length 0. A
// frame, compressed by zstd, is entries in the order of a dump: a byte for the
// kind, then the members, numbers as varints, strings after their lengths. A
// string that others have too is written once in a frame and then meant by its
// number. A frame can be read without those before it.
//
// Whoever adds a member to an entity adds it here, and makes snapshotVersion
// another; TestPackHasEveryMember insists.
const (
	packAccount      = 'a'
	packPolicy       = 'p'
	packGroup        = 'g'
	packUser         = 'u'
	packRole         = 'r'
	packProfile      = 'i'
	packDevice       = 'm'
	packOIDC         = 'o'
	packSAML         = 'l'
	packResource     = 's'
	packOrganization = 'z'
	packKey          = 'k'

	frameSize = 1 << 18  // a frame ends with the entry that fills it
	frameMost = 64 << 20 // no frame is larger; an entry is not by far
)

// Pack writes w as a pack.
func (w *World) Pack(out io.Writer) error {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	p := &packer{out: out, z: z}
	p.begin()
	_, p.err = out.Write(binary.AppendUvarint(nil, w.Seq))
	for _, a := range w.accounts.after("") {
		p.entry(packAccount)
		p.str(a.ID)
		p.str(a.Name)
		p.str(a.Alias)
		p.str(a.Organization)
		p.time(a.Created)
		p.uint(a.Seq)
		p.list(a.RootKeys, p.str)
		p.passwordPolicy(a.PasswordPolicy)
		p.refused(a.RootRefused)
		p.list(a.RootMFA, p.str)
		p.uint(uint64(len(a.Trails)))
		for i := range a.Trails {
			p.trail(&a.Trails[i])
		}
		for _, e := range a.policies.after("") {
			p.entry(packPolicy)
			p.policy(e)
		}
		for _, e := range a.groups.after("") {
			p.entry(packGroup)
			p.identity(&e.Identity)
		}
		for _, e := range a.users.after("") {
			p.entry(packUser)
			p.identity(&e.Identity)
			p.list(e.Groups, p.ref)
			p.list(e.Keys, p.str)
			p.login(e.Login)
			p.refused(e.Refused)
			p.list(e.MFA, p.str)
		}
		for _, e := range a.roles.after("") {
			p.entry(packRole)
			p.role(e)
		}
		for _, e := range a.profiles.after("") {
			p.entry(packProfile)
			p.entity(&e.Entity)
			p.str(e.Role)
		}
		for _, e := range a.devices.after("") {
			p.entry(packDevice)
			p.entity(&e.Entity)
			p.str(e.Seed)
			p.str(e.User)
			p.bool(!e.Enabled.IsZero())
			if !e.Enabled.IsZero() {
				p.time(e.Enabled)
			}
			p.int(e.Step)
			p.int(e.Drift)
		}
		for _, e := range a.oidcs.after("") {
			p.entry(packOIDC)
			p.entity(&e.Entity)
			p.list(e.Clients, p.str)
			p.list(e.Thumbprints, p.ref)
		}
		for _, e := range a.samls.after("") {
			p.entry(packSAML)
			p.saml(e)
		}
		for _, e := range a.resources.after("") {
			p.entry(packResource)
			p.resource(e)
		}
	}
	for _, o := range w.organizations.after("") {
		p.entry(packOrganization)
		p.organization(o)
	}
	for _, k := range w.keys.after("") {
		p.entry(packKey)
		p.str(k.ID)
		p.ref(k.Account)
		p.str(k.UserID)
		p.str(k.Secret)
		p.bool(k.Active)
		p.time(k.Created)
	}
	p.flush()
	if p.err == nil {
		_, p.err = out.Write([]byte{0})
	}
	return p.err
}

// packer writes one frame after the other.
type packer struct {
	out   io.Writer
	z     *zstd.Encoder
	err   error
	frame []byte
	refs  map[string]uint64
	docs  map[string]uint64
}

func (p *packer) begin() {
	p.frame, p.refs, p.docs = p.frame[:0], map[string]uint64{}, map[string]uint64{}
}

func (p *packer) flush() {
	if len(p.frame) == 0 || p.err != nil {
		return
	}
	packed := p.z.EncodeAll(p.frame, nil)
	if _, p.err = p.out.Write(binary.AppendUvarint(nil, uint64(len(packed)))); p.err == nil {
		_, p.err = p.out.Write(packed)
	}
	p.begin()
}

func (p *packer) entry(kind byte) {
	if len(p.frame) >= frameSize {
		p.flush()
	}
	p.frame = append(p.frame, kind)
}

func (p *packer) uint(n uint64) { p.frame = binary.AppendUvarint(p.frame, n) }
func (p *packer) int(n int)     { p.frame = binary.AppendVarint(p.frame, int64(n)) }
func (p *packer) str(s string)  { p.uint(uint64(len(s))); p.frame = append(p.frame, s...) }

func (p *packer) bool(b bool) {
	n := 0
	if b {
		n = 1
	}
	p.int(n)
}

// ref writes a string that others have too: 0 and the string, or its number.
func (p *packer) ref(s string) { p.known(p.refs, s) }

func (p *packer) doc(d *Document) { p.known(p.docs, d.Text) }

func (p *packer) known(by map[string]uint64, s string) {
	n := by[s]
	if p.uint(n); n == 0 {
		by[s] = uint64(len(by)) + 1
		p.str(s)
	}
}

func (p *packer) list(all []string, one func(string)) {
	p.uint(uint64(len(all)))
	for _, s := range all {
		one(s)
	}
}

// time writes the offset too: a dump has it.
func (p *packer) time(t time.Time) {
	_, offset := t.Zone()
	p.int(int(t.Unix()))
	p.int(t.Nanosecond())
	p.int(offset)
}

func (p *packer) entity(e *Entity) {
	p.str(e.ID)
	p.str(e.Name)
	p.ref(e.Path)
	p.time(e.Created)
	p.tags(e.Tags)
}

func (p *packer) tags(tags []events.Tag) {
	p.uint(uint64(len(tags)))
	for _, t := range tags {
		p.ref(t.Key)
		p.ref(t.Value)
	}
}

func (p *packer) trail(t *Trail) {
	p.str(t.Name)
	p.str(t.Bucket)
	p.str(t.Prefix)
	for _, b := range []bool{t.Global, t.MultiRegion, t.Validate, t.Logging} {
		p.bool(b)
	}
	for _, at := range []time.Time{t.Created, t.Started, t.Stopped} {
		p.bool(!at.IsZero())
		if !at.IsZero() {
			p.time(at)
		}
	}
	p.uint(uint64(len(t.Basic)))
	for _, s := range t.Basic {
		p.ref(s.ReadWrite)
		p.bool(s.Management)
		p.list(s.Exclude, p.ref)
	}
	p.uint(uint64(len(t.Advanced)))
	for _, s := range t.Advanced {
		p.str(s.Name)
		p.uint(uint64(len(s.Fields)))
		for _, f := range s.Fields {
			p.ref(f.Field)
			p.list(f.Equals, p.ref)
			p.list(f.NotEquals, p.ref)
		}
	}
	p.tags(t.Tags)
}

func (p *packer) identity(i *Identity) {
	p.entity(&i.Entity)
	p.uint(uint64(len(i.Inline)))
	for _, in := range i.Inline {
		p.ref(in.Name)
		p.doc(in.Document)
	}
	p.list(i.Attached, p.ref)
	p.ref(i.Boundary)
}

func (p *packer) bound(ids map[string]string) {
	p.uint(uint64(len(ids)))
	for _, arn := range slices.Sorted(maps.Keys(ids)) {
		p.str(arn)
		p.str(ids[arn])
	}
}

func (p *packer) resource(r *Resource) {
	p.str(r.ARN)
	p.time(r.Created)
	p.time(r.Updated)
	p.tags(r.Tags)
	p.bool(r.Policy != nil)
	if r.Policy != nil {
		p.doc(r.Policy)
	}
	p.bound(r.Bound)
}

func (p *packer) passwordPolicy(e *PasswordPolicy) {
	if p.bool(e != nil); e == nil {
		return
	}
	p.int(e.MinimumLength)
	for _, is := range []bool{e.RequireSymbols, e.RequireNumbers, e.RequireUppercase, e.RequireLowercase, e.ChangeOwn} {
		p.bool(is)
	}
	p.int(e.MaxAge)
	p.int(e.Reuse)
	if p.bool(e.HardExpiry != nil); e.HardExpiry != nil {
		p.bool(*e.HardExpiry)
	}
}

func (p *packer) login(e *Login) {
	if p.bool(e != nil); e == nil {
		return
	}
	p.time(e.Created)
	p.time(e.Changed)
	p.bool(e.ResetRequired)
	p.str(e.Password)
	p.list(e.Earlier, p.str)
}

func (p *packer) refused(e *Refused) {
	if p.bool(e != nil); e != nil {
		p.int(e.Count)
		p.time(e.Last)
	}
}

func (p *packer) role(r *Role) {
	p.identity(&r.Identity)
	p.doc(r.Trust)
	p.bound(r.Bound)
	p.str(r.Description)
	p.int(r.MaxSession)
}

// organization is in JSON: there are few, of many parts.
func (p *packer) organization(o *Organization) {
	b, err := json.Marshal(o)
	if err != nil {
		p.err = errors.Join(p.err, err)
	}
	p.str(string(b))
}

func (p *packer) saml(e *SAMLProvider) {
	p.entity(&e.Entity)
	p.str(e.Metadata)
	p.time(e.ValidUntil)
	p.ref(e.Encryption)
	p.uint(uint64(len(e.Keys)))
	for _, k := range e.Keys {
		p.str(k.ID)
		p.str(k.Key)
		p.time(k.Added)
	}
}

func (p *packer) policy(e *Policy) {
	p.entity(&e.Entity)
	p.str(e.Description)
	p.uint(uint64(len(e.Versions)))
	for _, v := range e.Versions {
		p.int(v.Number)
		p.doc(v.Document)
		p.time(v.Created)
	}
	p.int(e.Default)
	p.int(e.Last)
	p.time(e.Updated)
}

var errPack = errors.New("projections: not a pack")

// Unpack reads a pack. It believes what it reads, so whoever keeps a pack
// authenticates it; bytes that are no pack are refused.
func Unpack(packed []byte) (*World, error) {
	seq, frames, err := frames(packed)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(frameMost))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	// Frames are read on all cores and taken in, in order, by this one.
	read := make([]chan unpacked, len(frames))
	for i := range read {
		read[i] = make(chan unpacked, 1)
	}
	var next atomic.Int64
	var readers sync.WaitGroup
	defer readers.Wait()
	defer next.Store(int64(len(frames)))
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(frames); i = int(next.Add(1)) - 1 {
				read[i] <- unpack(z, frames[i])
			}
		})
	}
	w, a := &World{Seq: seq}, (*Account)(nil)
	for _, one := range read {
		if a, err = w.enter(a, <-one); err != nil {
			return nil, fmt.Errorf("%w: %w", errPack, err)
		}
	}
	for id, a := range w.accounts.after("") {
		for arn := range a.resources.after("") {
			if accountOf(arn) == "" {
				w.owners.set(arn, id)
			}
		}
	}
	return w, nil
}

// enter takes in what a frame holds and returns its last account; a is that of
// the frames before.
func (w *World) enter(a *Account, u unpacked) (*Account, error) {
	if u.err != nil {
		return nil, u.err
	}
	for _, enter := range u.early {
		if a == nil {
			return nil, errors.New("an entity outside of an account")
		}
		enter(a)
	}
	for _, a = range u.accounts {
		w.accounts.add(a.ID, a)
		if a.Alias != "" {
			w.aliases.set(a.Alias, a.ID)
		}
	}
	for _, o := range u.organizations {
		w.organizations.add(o.ID, o)
	}
	for _, k := range u.keys {
		w.keys.add(k.ID, k)
	}
	return a, nil
}

// frames takes a pack apart.
func frames(packed []byte) (seq uint64, all [][]byte, err error) {
	seq, n := binary.Uvarint(packed)
	if n <= 0 {
		return 0, nil, errPack
	}
	for packed = packed[n:]; ; {
		size, n := binary.Uvarint(packed)
		if n <= 0 || size > uint64(len(packed)-n) {
			return 0, nil, errPack
		}
		if packed = packed[n:]; size == 0 {
			break
		}
		all, packed = append(all, packed[:size]), packed[size:]
	}
	if len(packed) > 0 {
		return 0, nil, errPack
	}
	return seq, all, nil
}

// unpacked is what one frame holds.
type unpacked struct {
	early         []func(*Account) // what belongs to the last account of the frames before
	accounts      []*Account       // with all that is in this frame
	organizations []*Organization
	keys          []*AccessKey
	err           error
}

func unpack(z *zstd.Decoder, packed []byte) unpacked {
	frame, err := z.DecodeAll(packed, nil)
	if err != nil {
		return unpacked{err: err}
	}
	return unpackFrame(string(frame))
}

func unpackFrame(text string) (f unpacked) {
	u := &unpacker{text: text}
	var a *Account
	enter := func(e func(*Account)) {
		if a == nil {
			f.early = append(f.early, e)
		} else if !u.bad {
			e(a)
		}
	}
	for u.text != "" {
		kind := u.text[0]
		u.text = u.text[1:]
		switch kind {
		case packAccount:
			a = &Account{ID: u.str(), Name: u.str(), Alias: u.str(), Organization: u.str(), Created: u.time(), Seq: u.uint(), RootKeys: u.list(u.str), grants: newVersion()}
			a.PasswordPolicy, a.RootRefused, a.RootMFA = u.passwordPolicy(), u.refused(), u.list(u.str)
			a.Trails = many(u, u.trail)
			f.accounts = append(f.accounts, a)
		case packPolicy:
			p := u.policy()
			enter(func(a *Account) { a.addPolicy(p) })
		case packGroup:
			g := &Group{u.identity()}
			enter(func(a *Account) { a.addGroup(g) })
		case packUser:
			one := &User{Identity: u.identity(), Groups: u.list(u.ref), Keys: u.list(u.str), Login: u.login(), Refused: u.refused(), MFA: u.list(u.str)}
			enter(func(a *Account) { a.addUser(one) })
		case packRole:
			r := u.role()
			enter(func(a *Account) { a.addRole(r) })
		case packProfile:
			p := &InstanceProfile{Entity: u.entity(), Role: u.str()}
			enter(func(a *Account) { a.addInstanceProfile(p) })
		case packResource:
			r := u.resource()
			enter(func(a *Account) { a.resources.add(r.ARN, r) })
		case packDevice:
			d := &MFADevice{Entity: u.entity(), Seed: u.str(), User: u.str()}
			if u.bool() {
				d.Enabled = u.time()
			}
			d.Step, d.Drift = u.int(), u.int()
			enter(func(a *Account) { a.devices.add(a.age, d) })
		case packOIDC:
			p := &OIDCProvider{Entity: u.entity(), Clients: u.list(u.str), Thumbprints: u.list(u.ref)}
			enter(func(a *Account) { a.oidcs.add(a.age, p) })
		case packSAML:
			p := u.saml()
			enter(func(a *Account) { a.samls.add(a.age, p) })
		case packOrganization:
			f.organizations = append(f.organizations, u.organization())
		case packKey:
			f.keys = append(f.keys, &AccessKey{ID: u.str(), Account: u.ref(), UserID: u.str(), Secret: u.str(), Active: u.bool(), Created: u.time()})
		default:
			u.fail()
		}
	}
	if u.bad {
		return unpacked{err: io.ErrUnexpectedEOF}
	}
	return f
}

// unpacker reads one frame from the left. The strings it gives are parts of
// the frame, which lives as long as one of them: at most what was loaded.
// Once something can't be, all that follows is nothing.
type unpacker struct {
	text string
	bad  bool
	refs []string
	docs []*Document
}

func (u *unpacker) fail() { u.text, u.bad = "", true }

func (u *unpacker) uint() (n uint64) {
	for i := 0; i < len(u.text) && i < binary.MaxVarintLen64; i++ {
		b := u.text[i]
		if n |= uint64(b&0x7f) << (7 * i); b < 0x80 {
			if i == binary.MaxVarintLen64-1 && b > 1 {
				break
			}
			u.text = u.text[i+1:]
			return n
		}
	}
	u.fail()
	return 0
}

func (u *unpacker) int() int {
	n := u.uint()
	return int(n>>1) ^ -int(n&1)
}

func (u *unpacker) bool() bool { return u.int() != 0 }

// count is a number of things of which each takes a byte at least.
func (u *unpacker) count() int {
	n := u.uint()
	if n > uint64(len(u.text)) {
		u.fail()
		return 0
	}
	return int(n)
}

func (u *unpacker) str() string {
	n := u.count()
	s := u.text[:n]
	u.text = u.text[n:]
	return s
}

func (u *unpacker) ref() string { return known(u, &u.refs, u.str) }

func (u *unpacker) doc() *Document {
	d := known(u, &u.docs, func() *Document { return document(strings.Clone(u.str())) }) // others find it, and keep it
	if d == nil {
		return &Document{}
	}
	return d
}

func known[T any](u *unpacker, seen *[]T, read func() T) (v T) {
	switch n := u.uint(); {
	case u.bad:
	case n == 0:
		v = read()
		*seen = append(*seen, v)
	case n <= uint64(len(*seen)):
		v = (*seen)[n-1]
	default:
		u.fail()
	}
	return v
}

func (u *unpacker) list(one func() string) (all []string) {
	if n := u.count(); n > 0 {
		all = make([]string, n)
		for i := range all {
			all[i] = one()
		}
	}
	return all
}

func (u *unpacker) time() time.Time {
	s, ns, offset := u.int(), u.int(), u.int()
	const year0, year10000, day = -62167219200, 253402300800, 86400
	if s < year0+day || s >= year10000-day || ns < 0 || ns >= 1e9 || offset <= -day || offset >= day {
		u.fail()
	}
	if u.bad {
		return time.Time{}
	}
	t := time.Unix(int64(s), int64(ns)).UTC()
	if offset != 0 {
		t = t.In(time.FixedZone("", offset))
	}
	return t
}

func (u *unpacker) entity() Entity {
	return Entity{ID: u.str(), Name: u.str(), Path: u.ref(), Created: u.time(), Tags: many(u, u.tag)}
}

func (u *unpacker) tag() events.Tag { return events.Tag{Key: u.ref(), Value: u.ref()} }

// many reads a number and so many of a kind; of none it makes nil.
func many[T any](u *unpacker, one func() T) (all []T) {
	if n := u.count(); n > 0 {
		all = make([]T, n)
		for i := range all {
			all[i] = one()
		}
	}
	return all
}

func (u *unpacker) bound() (ids map[string]string) {
	if n := u.count(); n > 0 {
		ids = make(map[string]string, n)
		for range n {
			arn := u.str()
			ids[arn] = u.str()
		}
	}
	return ids
}

func (u *unpacker) resource() *Resource {
	r := &Resource{ARN: u.str(), Created: u.time(), Updated: u.time(), Tags: many(u, u.tag)}
	if u.bool() {
		r.Policy = u.doc()
	}
	r.Bound = u.bound()
	return r
}

func (u *unpacker) organization() *Organization {
	o := &Organization{}
	if json.Unmarshal([]byte(u.str()), o) != nil {
		u.fail()
	}
	for _, p := range o.Policies {
		p.Content = document(p.Content.Text)
	}
	return o.ready()
}

func (u *unpacker) trail() Trail {
	t := Trail{Name: u.str(), Bucket: u.str(), Prefix: u.str(), Global: u.bool(), MultiRegion: u.bool(), Validate: u.bool(), Logging: u.bool()}
	for _, at := range []*time.Time{&t.Created, &t.Started, &t.Stopped} {
		if u.bool() {
			*at = u.time()
		}
	}
	t.Basic = many(u, func() events.BasicSelector {
		return events.BasicSelector{ReadWrite: u.ref(), Management: u.bool(), Exclude: u.list(u.ref)}
	})
	t.Advanced = many(u, func() events.AdvancedSelector {
		return events.AdvancedSelector{Name: u.str(), Fields: many(u, func() events.FieldSelector {
			return events.FieldSelector{Field: u.ref(), Equals: u.list(u.ref), NotEquals: u.list(u.ref)}
		})}
	})
	t.Tags = many(u, u.tag)
	return t
}

func (u *unpacker) identity() Identity {
	i := Identity{Entity: u.entity()}
	if n := u.count(); n > 0 {
		i.Inline = make([]Inline, n)
		for at := range i.Inline {
			i.Inline[at] = Inline{u.ref(), u.doc()}
		}
	}
	i.Attached, i.Boundary = u.list(u.ref), u.ref()
	return i
}

func (u *unpacker) passwordPolicy() *PasswordPolicy {
	if !u.bool() {
		return nil
	}
	p := &PasswordPolicy{
		MinimumLength: u.int(), RequireSymbols: u.bool(), RequireNumbers: u.bool(), RequireUppercase: u.bool(), RequireLowercase: u.bool(),
		ChangeOwn: u.bool(), MaxAge: u.int(), Reuse: u.int(),
	}
	if u.bool() {
		hard := u.bool()
		p.HardExpiry = &hard
	}
	return p
}

func (u *unpacker) login() *Login {
	if !u.bool() {
		return nil
	}
	return &Login{Created: u.time(), Changed: u.time(), ResetRequired: u.bool(), Password: u.str(), Earlier: u.list(u.str)}
}

func (u *unpacker) refused() *Refused {
	if !u.bool() {
		return nil
	}
	return &Refused{Count: u.int(), Last: u.time()}
}

func (u *unpacker) role() *Role {
	r := &Role{Identity: u.identity(), Trust: u.doc(), Bound: u.bound()}
	r.Description, r.MaxSession = u.str(), u.int()
	return r
}

func (u *unpacker) saml() *SAMLProvider {
	p := &SAMLProvider{Entity: u.entity(), Metadata: u.str(), ValidUntil: u.time(), Encryption: u.ref()}
	if n := u.count(); n > 0 {
		p.Keys = make([]SAMLKey, n)
		for i := range p.Keys {
			p.Keys[i] = SAMLKey{ID: u.str(), Key: u.str(), Added: u.time()}
		}
	}
	return p
}

func (u *unpacker) policy() *Policy {
	p := &Policy{Entity: u.entity(), Description: u.str()}
	if p.Versions = make([]*PolicyVersion, u.count()); len(p.Versions) == 0 {
		u.fail() // one is always in force
	}
	for i := range p.Versions {
		p.Versions[i] = &PolicyVersion{Number: u.int(), Document: u.doc(), Created: u.time()}
	}
	p.Default, p.Last, p.Updated = u.int(), u.int(), u.time()
	return p
}
