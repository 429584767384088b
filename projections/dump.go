package projections

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
)

// A dump is a World in canonical form: equal Worlds have equal bytes. It is
// lines of JSON: first the world, then each account, by id, followed by its
// policies, groups, users, roles, instance profiles, MFA devices and identity
// providers, by folded name, and its registered resources, by ARN; then all
// organizations and all access keys, by id. Indexes are not in it, nor what
// AWS manages.
const dumpVersion = 1

// line is one line: exactly one member is set.
type line struct {
	World        *header          `json:"world,omitempty"`
	Account      *Account         `json:"account,omitempty"`
	Policy       *Policy          `json:"policy,omitempty"`
	Group        *Group           `json:"group,omitempty"`
	User         *User            `json:"user,omitempty"`
	Role         *Role            `json:"role,omitempty"`
	Profile      *InstanceProfile `json:"instanceProfile,omitempty"`
	Device       *MFADevice       `json:"mfaDevice,omitempty"`
	OIDC         *OIDCProvider    `json:"oidcProvider,omitempty"`
	SAML         *SAMLProvider    `json:"samlProvider,omitempty"`
	Resource     *Resource        `json:"resource,omitempty"`
	Organization *Organization    `json:"organization,omitempty"`
	Key          *AccessKey       `json:"accessKey,omitempty"`
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
		err = errors.Join(err, dump(enc, &a.devices, func(d *MFADevice) line { return line{Device: d} }))
		for _, r := range a.resources.after("") {
			err = errors.Join(err, enc.Encode(line{Resource: r}))
		}
		err = errors.Join(err, dump(enc, &a.oidcs, func(p *OIDCProvider) line { return line{OIDC: p} }))
		err = errors.Join(err, dump(enc, &a.samls, func(p *SAMLProvider) line { return line{SAML: p} }))
		if err != nil {
			return err
		}
	}
	for _, o := range w.organizations.after("") {
		if err := enc.Encode(line{Organization: o}); err != nil {
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
