// Package saml reads the metadata of SAML identity providers as far as it must
// be right to be kept. It follows no reference, knows no network, and refuses
// document type declarations.
package saml

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
)

const (
	space     = "urn:oasis:names:tc:SAML:2.0:metadata"
	signature = "http://www.w3.org/2000/09/xmldsig#"
	protocol  = "urn:oasis:names:tc:SAML:2.0:protocol"

	maxDepth       = 64
	maxCertificate = 64 << 10 // characters
)

// Metadata is what is read of a document.
type Metadata struct {
	Issuer     string
	ValidUntil time.Time // zero: it says nothing
	Keys       int       // certificates that assertions may be signed with
}

var errMetadata = errors.New("saml: not the metadata of an identity provider")

// Parse reads the metadata of one identity provider that speaks SAML 2.0: one
// EntityDescriptor with a name, a place to sign in, and at least one key.
func Parse(document string) (m Metadata, err error) {
	dec := xml.NewDecoder(strings.NewReader(document))
	var path []xml.Name
	var certificate *strings.Builder
	found, ends, providers, places := false, false, 0, 0
	signs := false // the present KeyDescriptor is one of signatures
	in := func(names ...string) bool {
		if len(path) != len(names) {
			return false
		}
		for i, n := range names {
			if path[i].Local != n || path[i].Space != space {
				return false
			}
		}
		return true
	}
	for {
		t, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return m, err
		}
		switch t := t.(type) {
		case xml.Directive: // DOCTYPE, and whatever else begins with <!
			return m, errMetadata
		case xml.StartElement:
			if path = append(path, t.Name); len(path) > maxDepth || ends {
				return m, errMetadata
			}
			switch {
			case len(path) == 1:
				if !in("EntityDescriptor") {
					return m, errMetadata
				}
				found = true
				for _, a := range t.Attr {
					switch {
					case a.Name.Space != "":
					case a.Name.Local == "entityID":
						m.Issuer = a.Value
					case a.Name.Local == "validUntil":
						if m.ValidUntil, err = time.Parse(time.RFC3339Nano, a.Value); err != nil {
							return m, errMetadata
						}
						m.ValidUntil = m.ValidUntil.UTC()
					}
				}
			case in("EntityDescriptor", "IDPSSODescriptor"):
				for _, a := range t.Attr {
					if a.Name.Local == "protocolSupportEnumeration" && strings.Contains(" "+a.Value+" ", " "+protocol+" ") {
						providers++
					}
				}
			case in("EntityDescriptor", "IDPSSODescriptor", "SingleSignOnService"):
				places++
			case in("EntityDescriptor", "IDPSSODescriptor", "KeyDescriptor"):
				signs = true
				for _, a := range t.Attr {
					if a.Name.Local == "use" {
						signs = a.Value == "signing"
					}
				}
			case signs && len(path) == 6 && path[2].Local == "KeyDescriptor" && path[1].Local == "IDPSSODescriptor" &&
				t.Name == xml.Name{Space: signature, Local: "X509Certificate"}:
				certificate = &strings.Builder{}
			}
		case xml.EndElement:
			if certificate != nil && len(path) == 6 {
				if !isCertificate(certificate.String()) {
					return m, errMetadata
				}
				m.Keys++
				certificate = nil
			}
			if path = path[:len(path)-1]; len(path) == 0 {
				ends = true
			}
		case xml.CharData:
			if certificate != nil {
				if certificate.Len()+len(t) > maxCertificate {
					return m, errMetadata
				}
				certificate.Write(t)
			}
		}
	}
	if !found || m.Issuer == "" || providers != 1 || places == 0 || m.Keys == 0 {
		return m, errMetadata
	}
	if y := m.ValidUntil.Year(); !m.ValidUntil.IsZero() && (y < 1970 || y > 9998) {
		return m, errMetadata
	}
	return m, nil
}

func isCertificate(text string) bool {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return false
	}
	_, err = x509.ParseCertificate(der)
	return err == nil
}
