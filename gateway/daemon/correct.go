package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/status"
)

// corrector writes what an operator corrects into the configuration; nil where there is no file to correct.
func (d *daemon) corrector() func(context.Context, status.Correction) (status.Corrected, error) {
	if d.o.ConfigPath == "" {
		return nil
	}
	return d.correct
}

// correctTime is how long a correction waits until no barrier moves; after that it takes effect with the next reload.
const correctTime = 5 * time.Second

// correct writes a correction, and lets it take effect.
func (d *daemon) correct(ctx context.Context, c status.Correction) (status.Corrected, error) {
	file, err := d.dropIn(ctx, c)
	if err != nil || d.o.Load == nil {
		return status.Corrected{File: file}, err
	}
	ctx, cancel := context.WithTimeout(ctx, correctTime)
	defer cancel()
	_, err = d.reload(ctx) // which tells what keeps it from taking effect
	return status.Corrected{File: file, InForce: err == nil}, nil
}

// dropIn writes a correction beside the configuration and returns the name of its file. It works from what runs, not from
// what is on disk: asked twice, it does not invert twice.
func (d *daemon) dropIn(ctx context.Context, c status.Correction) (string, error) {
	var corrections []config.Correction
	data := gateway.CorrectedData{Point: c.Invert, By: byPage}
	why := "Walk test: " + c.Invert + " rested active."
	if c.Invert != "" {
		corrections = config.Invert(d.inForce.config(), c.Invert)
	} else {
		data.Point, data.With = c.Swap[0], c.Swap[1]
		var err error
		if corrections, err = config.Swap(d.inForce.config(), c.Swap[0], c.Swap[1]); err != nil {
			return "", err
		}
		why = fmt.Sprintf("Walk test: the wires of %s and %s were swapped.", c.Swap[0], c.Swap[1])
	}
	name, err := config.Correct(d.o.ConfigPath, why, corrections)
	if err != nil {
		return "", err
	}
	data.File = filepath.Base(name)
	d.log.Warn("configuration corrected", "event", "config_corrected", "file", name, "point", data.Point, "with", data.With)
	d.post(ctx, gateway.ConfigCorrected, data)
	return data.File, nil
}
