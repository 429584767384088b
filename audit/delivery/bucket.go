package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/query"
)

const objectMost = 64 << 20 // no file of ours is larger by far

// Object implements query.Delivery.
func (d *Deliverer) Object(account, bucket, key string) (*query.Object, error) {
	root, err := d.root(account, bucket)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.FromSlash(key)
	if !filepath.IsLocal(name) || hidden(key) {
		return nil, query.ErrNoObject
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, query.ErrNoObject
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > objectMost {
		f.Close()
		return nil, query.ErrNoObject
	}
	o := &query.Object{ObjectInfo: object(key, info), File: f}
	if b, err := root.ReadFile(name + metadataSuffix); err == nil && json.Unmarshal(b, &o.Metadata) != nil {
		o.Metadata = nil // not ours any more: its reader finds no signature
	}
	return o, nil
}

// root opens a bucket's folder: no name leads out of it.
func (d *Deliverer) root(account, bucket string) (*os.Root, error) {
	if !filepath.IsLocal(bucket) || strings.ContainsRune(bucket, filepath.Separator) || strings.HasPrefix(bucket, ".") {
		return nil, query.ErrNoBucket
	}
	root, err := os.OpenRoot(d.bucket(account, bucket))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, query.ErrNoBucket
	}
	return root, err
}

// hidden says that a key is one of our own files: half written, or metadata.
func hidden(key string) bool {
	return strings.HasSuffix(key, metadataSuffix) || strings.Contains("/"+key, "/.")
}

func object(key string, info fs.FileInfo) query.ObjectInfo {
	return query.ObjectInfo{Key: key, Size: info.Size(), Modified: info.ModTime().UTC(), ETag: fmt.Sprintf("%q", fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size()))}
}

// Objects implements query.Delivery.
func (d *Deliverer) Objects(account, bucket, prefix, after string, most int) ([]query.ObjectInfo, error) {
	root, err := d.root(account, bucket)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var all []query.ObjectInfo
	var walk func(dir string) error
	walk = func(dir string) error {
		at := strings.TrimSuffix(dir, "/")
		if at == "" {
			at = "."
		}
		entries, err := fs.ReadDir(root.FS(), at)
		if err != nil {
			return err
		}
		name := func(e fs.DirEntry) string {
			if e.IsDir() {
				return dir + e.Name() + "/"
			}
			return dir + e.Name()
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(name(a), name(b)) }) // as keys
		for _, e := range entries {
			key := name(e)
			switch {
			case len(all) >= most:
				return nil
			case hidden(key):
			case e.IsDir():
				if (strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key)) && (key > after || strings.HasPrefix(after, key)) {
					if err := walk(key); err != nil {
						return err
					}
				}
			case strings.HasPrefix(key, prefix) && key > after:
				info, err := e.Info()
				if err != nil {
					return err
				}
				all = append(all, object(key, info))
			}
		}
		return nil
	}
	return all, walk("")
}
