package saml

import (
	"strings"
	"testing"
)

// Whatever is given, reading ends, and what is taken has a name and a key.
func FuzzParse(f *testing.F) {
	f.Add(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="a" validUntil="2030-01-01T00:00:00Z"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>AAAA</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService/></IDPSSODescriptor></EntityDescriptor>`)
	f.Add(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`)
	f.Add(strings.Repeat("<a>", 100))
	f.Fuzz(func(t *testing.T, document string) {
		m, err := Parse(document)
		if err == nil && (m.Issuer == "" || m.Keys == 0) {
			t.Errorf("%q is read as %+v", document, m)
		}
	})
}
