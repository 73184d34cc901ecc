// Command promql answers queries with Prometheus' own parser and engine, one JSON object a line on
// standard input, one a line on standard output, in the same order. It holds no knowledge of its own: what it says is what
// upstream says, floats as the bits they have.
//
// A line with "series" replaces the data and is not answered. Any other line is a query.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// request is a line of input.
type request struct {
	Series []seriesText `json:"series"`
	// Query is read and printed; with At or Step it is evaluated as well.
	Query string `json:"query"`
	At    *int64 `json:"at"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	Step  int64  `json:"step"`
}

// answer is a line of output.
type answer struct {
	Printed string        `json:"printed,omitempty"`
	Refused *refusal      `json:"refused,omitempty"`
	Failed  string        `json:"failed,omitempty"`
	Kind    string        `json:"kind,omitempty"`
	Text    string        `json:"text,omitempty"`
	Result  []*seriesText `json:"result,omitempty"`
	Warns   []string      `json:"warnings,omitempty"`
	Infos   []string      `json:"infos,omitempty"`
}

type refusal struct {
	Start   int    `json:"start"`
	End     int    `json:"end"`
	Message string `json:"message"`
}

var reader = parser.NewParser(parser.Options{
	EnableExperimentalFunctions:  true,
	ExperimentalDurationExpr:     true,
	EnableExtendedRangeSelectors: true,
	EnableBinopFillModifiers:     true,
})

func main() {
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  time.Minute,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnableDelayedNameRemoval: true,
		UseStartTimestamps:       true,
		Parser:                   reader,
	})
	if err := serve(engine, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "promql: %v\n", err)
		os.Exit(1)
	}
}

func serve(engine *promql.Engine, in io.Reader, out io.Writer) error {
	requests := bufio.NewReaderSize(in, 1<<20)
	answers := bufio.NewWriterSize(out, 1<<16)
	data := &memory{}
	encoder := json.NewEncoder(answers)
	encoder.SetEscapeHTML(false)
	for {
		line, err := requests.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return answers.Flush()
		}
		if err != nil {
			return err
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("a line is no request: %w", err)
		}
		if asked.Series != nil {
			if data, err = load(asked.Series); err != nil {
				return err
			}
			continue
		}
		if err := encoder.Encode(ask(engine, data, &asked)); err != nil {
			return err
		}
		if requests.Buffered() == 0 {
			if err := answers.Flush(); err != nil {
				return err
			}
		}
	}
}

func ask(engine *promql.Engine, data *memory, asked *request) *answer {
	expr, err := reader.ParseExpr(asked.Query)
	if err != nil {
		return refused(err)
	}
	given := &answer{Printed: expr.String()}
	var query promql.Query
	ctx := context.Background()
	switch {
	case asked.At != nil:
		query, err = engine.NewInstantQuery(ctx, data, nil, asked.Query, time.UnixMilli(*asked.At))
	case asked.Step > 0:
		query, err = engine.NewRangeQuery(ctx, data, nil, asked.Query, time.UnixMilli(asked.Start),
			time.UnixMilli(asked.End), time.Duration(asked.Step)*time.Millisecond)
	default:
		return given
	}
	if err != nil {
		if why := refused(err); why.Refused != nil {
			why.Printed = given.Printed
			return why
		}
		given.Failed = err.Error()
		return given
	}
	defer query.Close()
	result := query.Exec(ctx)
	given.Warns, given.Infos = result.Warnings.AsStrings(asked.Query, 0, 0)
	sort.Strings(given.Warns)
	sort.Strings(given.Infos)
	if result.Err != nil {
		given.Failed = result.Err.Error()
		return given
	}
	given.describe(result.Value)
	return given
}

func refused(err error) *answer {
	var all parser.ParseErrors
	if errors.As(err, &all) && len(all) > 0 {
		first := all[0]
		return &answer{Refused: &refusal{
			Start:   int(first.PositionRange.Start),
			End:     int(first.PositionRange.End),
			Message: first.Err.Error(),
		}}
	}
	var one *parser.ParseErr
	if errors.As(err, &one) {
		return &answer{Refused: &refusal{
			Start: int(one.PositionRange.Start), End: int(one.PositionRange.End), Message: one.Err.Error(),
		}}
	}
	return &answer{Failed: err.Error()}
}

func (given *answer) describe(value parser.Value) {
	given.Kind = string(value.Type())
	switch value := value.(type) {
	case promql.Scalar:
		given.Result = []*seriesText{{Labels: [][2]string{}, Times: []int64{value.T}, Values: []string{bits(value.V)}}}
	case promql.String:
		given.Text = strings.ToValidUTF8(value.V, "\uFFFD")
	case promql.Vector:
		for _, sample := range value {
			series := describeLabels(sample.Metric)
			series.add(sample.T, sample.F, sample.H)
			given.Result = append(given.Result, series)
		}
	case promql.Matrix:
		for _, found := range value {
			series := describeLabels(found.Metric)
			floats, histograms := found.Floats, found.Histograms
			for len(floats) > 0 || len(histograms) > 0 {
				if len(histograms) == 0 || len(floats) > 0 && floats[0].T < histograms[0].T {
					series.add(floats[0].T, floats[0].F, nil)
					floats = floats[1:]
				} else {
					series.add(histograms[0].T, 0, histograms[0].H)
					histograms = histograms[1:]
				}
			}
			given.Result = append(given.Result, series)
		}
	}
}
