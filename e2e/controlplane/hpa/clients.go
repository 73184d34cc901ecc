package hpa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// world is everything that the controller sees, and notes what it does.
type world struct {
	start   time.Time
	instant time.Time // of the turn
	hpa     *autoscalingv2.HorizontalPodAutoscaler
	scale   autoscalingv1.Scale
	pods    []*corev1.Pod
	metrics []answer
	step    *step

	cursor       int
	metricCalls  int
	puts         int
	gets         int
	lastSize     int32
	lastPutError error
	events       []event
	written      *autoscalingv2.HorizontalPodAutoscalerStatus
	writeFailed  bool
}

type event struct {
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// arrive ends the millisecond that lies between the first recommendation and the decision.
func (w *world) arrive() {
	if wait := time.Until(w.instant); wait > 0 {
		time.Sleep(wait)
	}
}

func (w *world) Event(_ runtime.Object, kind, reason, message string) {
	w.events = append(w.events, event{kind, reason, sorted(message)})
}

func (w *world) Eventf(object runtime.Object, kind, reason, format string, args ...any) {
	w.Event(object, kind, reason, fmt.Sprintf(format, args...))
}

func (w *world) AnnotatedEventf(object runtime.Object, _ map[string]string, kind, reason, format string, args ...any) {
	w.Eventf(object, kind, reason, format, args...)
}

type mapper struct {
	apimeta.RESTMapper
	w *world
}

func (m mapper) RESTMappings(kind schema.GroupKind, _ ...string) ([]*apimeta.RESTMapping, error) {
	if text := m.w.step.Scale.MappingError; text != "" {
		return nil, errors.New(text)
	}
	return []*apimeta.RESTMapping{{Resource: schema.GroupVersionResource{Group: kind.Group, Resource: "things"}}}, nil
}

type scales struct{ w *world }

func (s scales) Scales(string) scaleclient.ScaleInterface { return s }

func (s scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	s.w.gets++
	if text := s.w.step.Scale.Error; text != "" {
		return nil, errors.New(text)
	}
	scale := s.w.scale
	if again := s.w.step.Scale.RegetReplicas; again != nil && s.w.gets > 1 {
		scale.Spec.Replicas = *again
	}
	return &scale, nil
}

func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.w.arrive()
	s.w.lastSize = scale.Spec.Replicas
	at := s.w.puts
	s.w.puts++
	s.w.lastPutError = nil
	if at < len(s.w.step.Scale.UpdateErrors) {
		given := s.w.step.Scale.UpdateErrors[at]
		status := metav1.Status{Status: metav1.StatusFailure, Code: given.Code, Message: given.Message}
		if given.Code == http.StatusConflict {
			status.Reason = metav1.StatusReasonConflict
		}
		s.w.lastPutError = &apierrors.StatusError{ErrStatus: status}
		return nil, s.w.lastPutError
	}
	s.w.scale.Spec.Replicas = scale.Spec.Replicas
	return scale, nil
}

func (s scales) Patch(context.Context, schema.GroupVersionResource, string, types.PatchType, []byte, metav1.PatchOptions) (*autoscalingv1.Scale, error) {
	panic("the controller does not patch")
}

type hpas struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	w *world
}

func (h hpas) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return h
}

func (h hpas) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	if text := h.w.step.StatusUpdateError; text != "" {
		h.w.writeFailed = true
		return nil, errors.New(text)
	}
	h.w.written = hpa.Status.DeepCopy()
	return hpa, nil
}

type pods struct{ w *world }

func (p pods) Pods(string) corelisters.PodNamespaceLister { return p }

func (p pods) List(selector labels.Selector) ([]*corev1.Pod, error) {
	p.w.arrive()
	var list []*corev1.Pod
	for _, pod := range p.w.pods {
		if selector.Matches(labels.Set(pod.Labels)) {
			list = append(list, pod)
		}
	}
	return list, nil
}

func (p pods) Get(name string) (*corev1.Pod, error) {
	return nil, fmt.Errorf("pod %s is not asked for", name)
}

// next is the answer for the next metric of the spec that the call can come from.
func (w *world) next(matches func(spec autoscalingv2.MetricSpec) bool) answer {
	w.arrive()
	w.metricCalls++
	for ; w.cursor < len(w.hpa.Spec.Metrics); w.cursor++ {
		if matches(w.hpa.Spec.Metrics[w.cursor]) {
			given := w.metrics[w.cursor]
			w.cursor++
			return given
		}
	}
	panic("a call that no metric of the spec makes")
}

func (w *world) podValues(given answer) (metricsclient.PodMetricsInfo, time.Time, error) {
	if given.Error != nil {
		return nil, time.Time{}, errors.New(*given.Error)
	}
	at := func(t *float64, otherwise time.Time) time.Time {
		if t == nil {
			return otherwise
		}
		return w.start.Add(seconds(*t))
	}
	window := func(value *float64, otherwise time.Duration) time.Duration {
		if value == nil {
			return otherwise
		}
		return seconds(*value)
	}
	defaultTime, defaultWindow := at(given.T, w.instant), window(given.WindowSeconds, time.Minute)
	values := metricsclient.PodMetricsInfo{}
	for name, raw := range given.Pods {
		var full sample
		if raw[0] == '{' {
			must(json.Unmarshal(raw, &full))
		} else {
			must(json.Unmarshal(raw, &full.ValueMilli))
		}
		values[name] = metricsclient.PodMetric{
			Value: full.ValueMilli, Timestamp: at(full.T, defaultTime), Window: window(full.WindowSeconds, defaultWindow),
		}
	}
	return values, defaultTime, nil
}

func hasTarget(target autoscalingv2.MetricTarget) bool {
	return target.AverageValue != nil || target.AverageUtilization != nil
}

func (w *world) GetResourceMetric(_ context.Context, name corev1.ResourceName, _ string, _ labels.Selector, container string) (metricsclient.PodMetricsInfo, time.Time, error) {
	return w.podValues(w.next(func(spec autoscalingv2.MetricSpec) bool {
		if container == "" {
			return spec.Type == "Resource" && spec.Resource.Name == name && hasTarget(spec.Resource.Target)
		}
		source := spec.ContainerResource
		return spec.Type == "ContainerResource" && source.Name == name && source.Container == container && hasTarget(source.Target)
	}))
}

func (w *world) GetRawMetric(name, _ string, _, _ labels.Selector) (metricsclient.PodMetricsInfo, time.Time, error) {
	return w.podValues(w.next(func(spec autoscalingv2.MetricSpec) bool {
		return spec.Type == "Pods" && spec.Pods.Metric.Name == name
	}))
}

func (w *world) GetObjectMetric(name, _ string, _ *autoscalingv2.CrossVersionObjectReference, _ labels.Selector) (int64, time.Time, error) {
	given := w.next(func(spec autoscalingv2.MetricSpec) bool {
		return spec.Type == "Object" && spec.Object.Metric.Name == name
	})
	if given.Error != nil {
		return 0, time.Time{}, errors.New(*given.Error)
	}
	return given.ValueMilli, w.instant, nil
}

func (w *world) GetExternalMetric(name, _ string, _ labels.Selector) ([]int64, time.Time, error) {
	given := w.next(func(spec autoscalingv2.MetricSpec) bool {
		return spec.Type == "External" && spec.External.Metric.Name == name
	})
	if given.Error != nil {
		return nil, time.Time{}, errors.New(*given.Error)
	}
	return given.ValuesMilli, w.instant, nil
}
