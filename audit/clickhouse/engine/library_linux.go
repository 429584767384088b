package engine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the part of libchdb that we call. It is loaded at run time and
// without cgo, so the program builds where the library is not.
//
//	const char *chdb_version(void);
//	void  chdb_set_signal_handlers_enabled(int enabled);
//	void *chdb_query_cmdline(int argc, char **argv);   // blocks until its session ends
//	const char *chdb_result_error(void *result);
//	void  chdb_destroy_query_result(void *result);
//	int   chdb_shutdown(void);                         // 0: every engine thread has ended
type library struct {
	version  func() string
	signals  func(int32)
	cmdline  func(int32, **byte) uintptr
	failure  func(uintptr) string
	destroy  func(uintptr)
	shutdown func() int32
}

func load(path string) (*library, error) {
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL) // local: its C++ symbols stay its own
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	l := &library{}
	for name, f := range map[string]any{
		"chdb_version":                     &l.version,
		"chdb_set_signal_handlers_enabled": &l.signals,
		"chdb_query_cmdline":               &l.cmdline,
		"chdb_result_error":                &l.failure,
		"chdb_destroy_query_result":        &l.destroy,
		"chdb_shutdown":                    &l.shutdown,
	} {
		at, err := purego.Dlsym(h, name)
		if err != nil {
			return nil, fmt.Errorf("%s has no %s: it is not libchdb %s: run `make engine`", path, name, Version)
		}
		purego.RegisterFunc(f, at)
	}
	return l, nil
}

// serve runs the engine's main function until its session ends.
func (l *library) serve(args ...string) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]*byte, 0, len(args)+1)
	for _, a := range args {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv = append(argv, &b[0])
	}
	argv = append(argv, nil)
	pin.Pin(&argv[0])
	r := l.cmdline(int32(len(args)), (**byte)(unsafe.Pointer(&argv[0])))
	if r == 0 {
		return errors.New("the engine gave no result")
	}
	defer l.destroy(r)
	if text := l.failure(r); text != "" {
		return errors.New(text)
	}
	return nil
}
