package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

// none is a log that keeps nothing: what is left is judging and writing.
type none struct{ journal.Log }

func (none) Send(s journal.Stream, last uint64, m journal.Message) <-chan journal.Ack {
	done := make(chan journal.Ack, 1)
	done <- journal.Ack{Seq: last + 1}
	return done
}

func benchmarkEvaluate(b *testing.B, body string, decisions int) {
	log := &journaltest.Memory{}
	l := newLab(b, log)
	g := l.gate("node1", log)
	pep := person(b, g, "pep", inquirer)
	person(b, g, "ana", readOnly)
	g = l.gate("node2", none{log})
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if a := g.Serve(b.Context(), asking(pep, body)); a.Err != nil {
				b.Fatal(a.Err)
			}
		}
	})
	b.ReportMetric(float64(b.N*decisions)/b.Elapsed().Seconds(), "decisions/s")
}

func BenchmarkEvaluate(b *testing.B) {
	benchmarkEvaluate(b, `{"subject":{"type":"user","id":"ana"},"action":{"name":"iam:GetUser"},"resource":{"type":"iam:user","id":"ana"},"context":{"aws:SourceIp":"192.0.2.1"}}`, 1)
}

func BenchmarkEvaluate100(b *testing.B) {
	var s strings.Builder
	for i := range 100 {
		fmt.Fprintf(&s, `,{"resource":{"type":"iam:user","id":"u%d"}}`, i)
	}
	benchmarkEvaluate(b, `{"subject":{"type":"user","id":"ana"},"action":{"name":"iam:GetUser"},"evaluations":[`+s.String()[1:]+`]}`, 100)
}
