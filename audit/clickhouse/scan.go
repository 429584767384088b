package clickhouse

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unsafe"
)

// A record is read by hand: the columns are a third of it, and reading those
// costs a tenth of what decoding a Record does. What is not looked at is not
// checked: raw is stored as it is.

var errRecord = errors.New("the record is not JSON of the known form")

// members calls f with each member of the JSON object b; val keeps its quotes.
func members(b []byte, f func(key string, val []byte) error) error {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return errRecord
	}
	for i := 1; i < len(b)-1; {
		k := end(b, i)
		if k < 0 || k+1 >= len(b) || b[i] != '"' || b[k] != ':' {
			return errRecord
		}
		v := end(b, k+1)
		if v < 0 || v >= len(b) || v == k+1 {
			return errRecord
		}
		if err := f(view(b[i+1:k-1]), b[k+1:v]); err != nil {
			return err
		}
		if i = v; b[i] == ',' {
			i++
		} else if i != len(b)-1 {
			return errRecord
		}
	}
	return nil
}

// items calls f with each item of the JSON array b.
func items(b []byte, f func(val []byte) error) error {
	if len(b) < 2 || b[0] != '[' || b[len(b)-1] != ']' {
		return errRecord
	}
	for i := 1; i < len(b)-1; {
		v := end(b, i)
		if v < 0 || v >= len(b) || v == i {
			return errRecord
		}
		if err := f(b[i:v]); err != nil {
			return err
		}
		if i = v; b[i] == ',' {
			i++
		} else if i != len(b)-1 {
			return errRecord
		}
	}
	return nil
}

// end is the index after the value that begins at b[i], -1 if it does not end.
func end(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i++
			for {
				n := bytes.IndexByte(b[i:], '"')
				if n < 0 {
					return -1
				}
				i += n + 1
				escapes := 0
				for j := i - 2; b[j] == '\\'; j-- { // stops at the opening quote at the latest
					escapes++
				}
				if escapes%2 == 0 {
					break
				}
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i // a number or a word ended with what holds it
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}

// view is b as a string without a copy. Message bodies belong to the sink and
// are never written to.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// text is the value of a JSON string; nearly all of ours have no escapes.
func text(val []byte) (string, error) {
	if len(val) < 2 || val[0] != '"' || val[len(val)-1] != '"' {
		return "", errRecord
	}
	if bytes.IndexByte(val, '\\') < 0 {
		return view(val[1 : len(val)-1]), nil
	}
	var s string
	if json.Unmarshal(val, &s) != nil {
		return "", errRecord
	}
	return s, nil
}

func number(val []byte) (uint64, error) {
	n, err := strconv.ParseUint(view(val), 10, 64)
	if err != nil {
		return 0, errRecord
	}
	return n, nil
}

func boolean(val []byte) (bool, error) {
	switch string(val) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errRecord
}
