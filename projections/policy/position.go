package policy

// Position is a place in a document: line and column from 1, in characters.
type Position struct{ Line, Column int }

// Span is where a statement stands: from the place right behind what comes
// before it (the bracket, or the statement before) to the place right behind
// its closing brace. The simulator of AWS counts so, as recorded answers show.
type Span struct{ Start, End Position }

// Spans tells where each statement of a document stands, by index. A document
// that does not parse has none.
func Spans(document string) []Span {
	offsets := statementOffsets(document)
	spans := make([]Span, len(offsets))
	at, here := 0, Position{1, 1}
	walk := func(to int) Position { // offsets never run back
		for i, r := range document[at:to] {
			here.Column++
			crlf := r == '\r' && at+i+1 < len(document) && document[at+i+1] == '\n'
			if r == '\n' || r == '\r' && !crlf {
				here = Position{here.Line + 1, 1}
			}
		}
		at = to
		return here
	}
	for i, o := range offsets {
		spans[i].Start = walk(o[0])
		spans[i].End = walk(o[1])
	}
	return spans
}

// statementOffsets reads down to the statements with the decoder that Parse
// uses, so that both see the same ones.
func statementOffsets(document string) (found [][2]int) {
	if _, err := decode(document); err != nil {
		return nil
	}
	d := &decoder{text: document}
	d.space()
	d.at++ // {
	for {
		d.space()
		key, err := d.string()
		if err != nil {
			return nil
		}
		d.space()
		d.at++ // :
		d.space()
		if key != "Statement" {
			if _, err := d.value(2); err != nil {
				return nil
			}
		} else if d.peek() == '[' {
			d.at++
			for start := d.at; ; start = d.at {
				if d.space(); d.peek() == ',' {
					d.at++
					d.space()
				}
				if d.peek() == ']' {
					d.at++
					break
				}
				if _, err := d.value(3); err != nil {
					return nil
				}
				found = append(found, [2]int{start, d.at})
			}
		} else {
			start := d.at
			if _, err := d.value(2); err != nil {
				return nil
			}
			found = append(found, [2]int{start, d.at})
		}
		if d.space(); d.peek() != ',' {
			return found
		}
		d.at++
	}
}
