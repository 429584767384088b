package scenarios

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func (x *script) certificate(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 1, 1)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	ts.Check(err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: args[0]}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func (x *script) served(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 1, 1)
	block, _ := pem.Decode([]byte(ts.ReadFile(args[0] + ".pem")))
	var last error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		var c *tls.Conn
		if c, last = tls.Dial("tcp", strings.TrimPrefix(x.s.URL, "https://"), &tls.Config{InsecureSkipVerify: true}); last != nil { //nolint:gosec // it is compared below
			continue
		}
		shown := c.ConnectionState().PeerCertificates[0].Raw
		c.Close()
		if bytes.Equal(shown, block.Bytes) {
			return
		}
	}
	ts.Fatalf("the server does not show %s.pem after 30 s (%v)", args[0], last)
}
