package clickhouse

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/chcol"
	"github.com/shopspring/decimal"
)

// Column is a column of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // ClickHouse's
}

// MaxSQL bounds the text of a query.
const MaxSQL = 64 << 10

// sqlTime bounds an answer with the time its taker needs; the server's 10 s are without it.
const sqlTime = time.Minute

// SQL runs a SELECT of the user's own as the auditor: read only, audit.events
// only, rows of the account (or AllAccounts) only, 10 s, 1 GiB and MaxRows rows
// at most; the server itself refuses more. It calls head once and then row with
// every row. Values are nil, bool, string, a Go number, []any or
// map[string]any: all of them make JSON. An error of theirs ends the query.
func (w *Warehouse) SQL(ctx context.Context, account, text string, head func([]Column) error, row func([]any) error) error {
	if account != AllAccounts && !isAccount(account) {
		return fmt.Errorf("%w: account %q: an account has 12 digits", ErrInvalid, account)
	}
	if len(text) > MaxSQL {
		return fmt.Errorf("%w: the text has %d bytes: at most %d", ErrInvalid, len(text), MaxSQL)
	}
	if err := w.confined(ctx, account); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sqlTime)
	defer cancel()
	asked, end := reading(ctx, account, nil)
	defer end()
	rows, err := w.reader.Query(asked, text)
	if err != nil {
		return w.answer(ctx, err)
	}
	types := rows.ColumnTypes()
	columns := make([]Column, len(types))
	into := make([]any, len(types))
	for i, t := range types {
		columns[i] = Column{t.Name(), t.DatabaseTypeName()}
		if st := t.ScanType(); st != nil {
			into[i] = reflect.New(st).Interface()
		} else {
			into[i] = new(any)
		}
	}
	fail := func(err error) error {
		end()
		_ = rows.Close() // it was given up, of course it fails
		return err
	}
	if err := head(columns); err != nil {
		return fail(err)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fail(fmt.Errorf("clickhouse: read a row: %w", err))
		}
		values := make([]any, len(into))
		for i := range into {
			values[i] = plain(reflect.ValueOf(into[i]).Elem())
			reflect.ValueOf(into[i]).Elem().SetZero() // a row must not share its lists with the next
		}
		if err := row(values); err != nil {
			return fail(err)
		}
	}
	return w.answer(ctx, cmp.Or(rows.Err(), rows.Close()))
}

// confined makes sure that queries of one account are kept to its rows. Our own
// engine does it by its configuration. Of a server we only know by trying: a
// query of no account must see nothing. Reader says how to set it up.
func (w *Warehouse) confined(ctx context.Context, account string) error {
	if w.engine != nil || account == AllAccounts {
		return nil
	}
	asked, end := reading(ctx, "none", nil)
	defer end()
	rows, err := w.reader.Query(asked, "SELECT 1 FROM audit.events LIMIT 1")
	if err != nil {
		return w.answer(ctx, err)
	}
	seen := rows.Next()
	if err := cmp.Or(rows.Err(), rows.Close()); err != nil {
		return w.answer(ctx, err)
	}
	if seen {
		return errors.New("clickhouse: SQL for one account is refused: the server does not keep its reader to the account's rows; create the row policy that docs name (clickhouse.Reader) or ask as an auditor of all accounts")
	}
	return nil
}

// Reader is what an administrator of a ClickHouse server runs for us, beside an
// account that may do everything on audit.*: the account for ReaderDSN.
const Reader = `CREATE USER IF NOT EXISTS keytrail_auditor IDENTIFIED BY '<password>'
  SETTINGS readonly = 1, max_execution_time = 10, max_memory_usage = 1073741824, max_result_rows = 1000000, use_query_condition_cache = 0;
GRANT SELECT ON audit.events TO keytrail_auditor;
CREATE ROW POLICY IF NOT EXISTS keytrail_account ON audit.events FOR SELECT USING ` + rowsOfAccount + ` TO keytrail_auditor;
CREATE ROW POLICY IF NOT EXISTS keytrail_everything ON audit.events FOR SELECT USING 1 TO ALL EXCEPT keytrail_auditor;`

// plain turns a value of the driver into one that JSON has.
func plain(v reflect.Value) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if s, ok := special(v); ok {
		return s
	}
	switch v.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Sprint(f)
		}
		return f
	case reflect.String:
		return readable(v.String())
	case reflect.Slice, reflect.Array:
		l := make([]any, v.Len())
		for i := range l {
			l[i] = plain(v.Index(i))
		}
		return l
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			m[fmt.Sprint(plain(it.Key()))] = plain(it.Value())
		}
		return m
	}
	return fmt.Sprint(v.Interface())
}

// special are the types that have a text of their own.
func special(v reflect.Value) (any, bool) {
	if !v.IsValid() || !v.CanInterface() {
		return nil, false
	}
	p := v
	if v.CanAddr() {
		p = v.Addr() // some have their methods on the pointer
	} else if v.Kind() == reflect.Struct {
		p = reflect.New(v.Type())
		p.Elem().Set(v)
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format(time.RFC3339Nano), true
	case chcol.Variant: // and Dynamic
		return plain(reflect.ValueOf(x.Any())), true
	case decimal.Decimal:
		return x.String(), true
	}
	switch x := p.Interface().(type) {
	case *chcol.JSON:
		return plain(reflect.ValueOf(x.NestedMap())), true
	case *big.Int:
		return json.Number(x.String()), true
	case fmt.Stringer: // UUID, addresses, intervals
		return readable(x.String()), true
	}
	return nil, false
}

// readable is s if it is text, else its base64: JSON has no bytes.
func readable(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return "base64:" + base64.StdEncoding.EncodeToString([]byte(s))
}
