//go:build linux

package vm

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The inputs of the kernel's build, in the order in which build.sh hashes them.
var (
	//go:embed kernel/build.sh
	buildScript []byte
	//go:embed kernel/config
	kernelConfig []byte
	//go:embed kernel/i2cplug/i2cplug.c
	i2cplugSource []byte
)

// ErrNoKernel is what Kernel's error wraps when the kernel has not been built.
var ErrNoKernel = errors.New("test VM kernel is not built: run make vm (about 4 minutes, once)")

// Kernel returns the path of the User Mode Linux program that build.sh made of
// this package's own inputs.
func Kernel() (string, error) {
	path, err := kernelPath()
	if err != nil {
		return "", fmt.Errorf("find test VM kernel: %w", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("find %s: %w", path, ErrNoKernel)
	}
	return path, nil
}

// kernelPath is build.sh --path.
func kernelPath() (string, error) {
	cache := os.Getenv("LOTUSGATE_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir() // XDG_CACHE_HOME or ~/.cache
		if err != nil {
			return "", fmt.Errorf("%w: set LOTUSGATE_CACHE", err)
		}
		cache = filepath.Join(user, "lotusgate")
	}
	hash := sha256.New()
	for _, input := range [][]byte{buildScript, kernelConfig, i2cplugSource} {
		hash.Write(input)
	}
	return filepath.Join(cache, fmt.Sprintf("vm-%.8x", hash.Sum(nil)), "linux"), nil
}
