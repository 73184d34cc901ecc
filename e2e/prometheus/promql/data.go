package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// seriesText is a series on the wire: one value a time, an empty one where Histograms has it.
type seriesText struct {
	Labels     [][2]string              `json:"labels"`
	Times      []int64                  `json:"times"`
	Values     []string                 `json:"values"`
	Starts     []int64                  `json:"starts,omitempty"`
	Histograms map[string]histogramText `json:"histograms,omitempty"`
}

// histogramText is a histogram on the wire. Buckets are pairs of index and count.
type histogramText struct {
	Schema    int32       `json:"schema"`
	Threshold string      `json:"threshold"`
	Zero      string      `json:"zero"`
	Count     string      `json:"count"`
	Sum       string      `json:"sum"`
	Positive  [][2]string `json:"positive,omitempty"`
	Negative  [][2]string `json:"negative,omitempty"`
	Bounds    []string    `json:"bounds,omitempty"`
	Hint      uint8       `json:"hint"`
}

func bits(value float64) string { return strconv.FormatUint(math.Float64bits(value), 16) }

func number(text string) (float64, error) {
	read, err := strconv.ParseUint(text, 16, 64)
	return math.Float64frombits(read), err
}

func describeLabels(of labels.Labels) *seriesText {
	series := &seriesText{Labels: [][2]string{}}
	of.Range(func(label labels.Label) { series.Labels = append(series.Labels, [2]string{label.Name, label.Value}) })
	return series
}

func (series *seriesText) add(time int64, value float64, found *histogram.FloatHistogram) {
	if found != nil {
		if series.Histograms == nil {
			series.Histograms = map[string]histogramText{}
		}
		series.Histograms[strconv.Itoa(len(series.Times))] = describe(found)
	}
	series.Times = append(series.Times, time)
	series.Values = append(series.Values, bits(value))
}

func describe(found *histogram.FloatHistogram) histogramText {
	text := histogramText{
		Schema:    found.Schema,
		Threshold: bits(found.ZeroThreshold),
		Zero:      bits(found.ZeroCount),
		Count:     bits(found.Count),
		Sum:       bits(found.Sum),
		Positive:  describeBuckets(found.PositiveSpans, found.PositiveBuckets),
		Negative:  describeBuckets(found.NegativeSpans, found.NegativeBuckets),
		Hint:      uint8(found.CounterResetHint),
	}
	for _, bound := range found.CustomValues {
		text.Bounds = append(text.Bounds, bits(bound))
	}
	return text
}

// describeBuckets leaves empty buckets out: no way of asking shows them.
func describeBuckets(spans []histogram.Span, counts []float64) (buckets [][2]string) {
	index, at := int32(0), 0
	for _, span := range spans {
		index += span.Offset
		for range span.Length {
			if at < len(counts) && counts[at] != 0 {
				buckets = append(buckets, [2]string{strconv.Itoa(int(index)), bits(counts[at])})
			}
			index++
			at++
		}
	}
	return buckets
}

// memory is the data: series in the order of their labels.
type memory struct{ series []*series }

type series struct {
	labels  labels.Labels
	samples []sample
}

type sample struct {
	time, start int64
	value       float64
	histogram   *histogram.FloatHistogram
}

func load(texts []seriesText) (*memory, error) {
	data := &memory{}
	for _, text := range texts {
		builder := labels.NewScratchBuilder(len(text.Labels))
		for _, label := range text.Labels {
			builder.Add(label[0], label[1])
		}
		builder.Sort()
		loaded := &series{labels: builder.Labels()}
		for at, time := range text.Times {
			value, err := number(text.Values[at])
			if err != nil {
				return nil, fmt.Errorf("a value is no number: %w", err)
			}
			read := sample{time: time, value: value}
			if at < len(text.Starts) {
				read.start = text.Starts[at]
			}
			if given, ok := text.Histograms[strconv.Itoa(at)]; ok {
				if read.histogram, err = given.read(); err != nil {
					return nil, fmt.Errorf("a histogram cannot be read: %w", err)
				}
			}
			loaded.samples = append(loaded.samples, read)
		}
		data.series = append(data.series, loaded)
	}
	slices.SortFunc(data.series, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	return data, nil
}

func (text *histogramText) read() (*histogram.FloatHistogram, error) {
	read := &histogram.FloatHistogram{Schema: text.Schema, CounterResetHint: histogram.CounterResetHint(text.Hint)}
	var err error
	for _, part := range []struct {
		text string
		into *float64
	}{
		{text.Threshold, &read.ZeroThreshold}, {text.Zero, &read.ZeroCount},
		{text.Count, &read.Count}, {text.Sum, &read.Sum},
	} {
		if *part.into, err = number(part.text); err != nil {
			return nil, err
		}
	}
	if read.PositiveSpans, read.PositiveBuckets, err = readBuckets(text.Positive); err != nil {
		return nil, err
	}
	if read.NegativeSpans, read.NegativeBuckets, err = readBuckets(text.Negative); err != nil {
		return nil, err
	}
	for _, bound := range text.Bounds {
		value, err := number(bound)
		if err != nil {
			return nil, err
		}
		read.CustomValues = append(read.CustomValues, value)
	}
	return read, nil
}

func readBuckets(buckets [][2]string) (spans []histogram.Span, counts []float64, err error) {
	next := int32(0)
	for _, bucket := range buckets {
		index, err := strconv.ParseInt(bucket[0], 10, 32)
		if err != nil {
			return nil, nil, err
		}
		count, err := number(bucket[1])
		if err != nil {
			return nil, nil, err
		}
		if gap := int32(index) - next; len(spans) == 0 || gap != 0 {
			spans = append(spans, histogram.Span{Offset: gap, Length: 1})
		} else {
			spans[len(spans)-1].Length++
		}
		counts = append(counts, count)
		next = int32(index) + 1
	}
	return spans, counts, nil
}

func (m *memory) Querier(int64, int64) (storage.Querier, error) { return m, nil }

func (*memory) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (*memory) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (*memory) Close() error { return nil }

func (m *memory) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &selection{at: -1}
	for _, series := range m.series {
		fits := func(matcher *labels.Matcher) bool { return !matcher.Matches(series.labels.Get(matcher.Name)) }
		if !slices.ContainsFunc(matchers, fits) {
			found.series = append(found.series, series)
		}
	}
	return found
}

type selection struct {
	series []*series
	at     int
}

func (s *selection) Next() bool                      { s.at++; return s.at < len(s.series) }
func (s *selection) At() storage.Series              { return s.series[s.at] }
func (*selection) Err() error                        { return nil }
func (*selection) Warnings() annotations.Annotations { return nil }
func (s *series) Labels() labels.Labels              { return s.labels }
func (s *series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return &cursor{samples: s.samples, at: -1}
}

// cursor hands out copies: the engine changes histograms in place.
type cursor struct {
	samples []sample
	at      int
}

func (c *cursor) kind() chunkenc.ValueType {
	switch {
	case c.at >= len(c.samples):
		return chunkenc.ValNone
	case c.samples[c.at].histogram != nil:
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

func (c *cursor) Next() chunkenc.ValueType {
	if c.at < len(c.samples) {
		c.at++
	}
	return c.kind()
}

func (c *cursor) Seek(time int64) chunkenc.ValueType {
	c.at = max(c.at, 0)
	for c.at < len(c.samples) && c.samples[c.at].time < time {
		c.at++
	}
	return c.kind()
}

func (c *cursor) At() (int64, float64) { return c.samples[c.at].time, c.samples[c.at].value }

func (c *cursor) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	panic("the data holds float histograms only")
}

func (c *cursor) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	found := c.samples[c.at]
	if into == nil {
		return found.time, found.histogram.Copy()
	}
	found.histogram.CopyTo(into)
	return found.time, into
}

func (c *cursor) AtT() int64  { return c.samples[c.at].time }
func (c *cursor) AtST() int64 { return c.samples[c.at].start }
func (*cursor) Err() error    { return nil }
