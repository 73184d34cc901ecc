package hpa

import (
	"encoding/json"
	"math"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A sequence of turns, in the schema of the recorded ones.
type sequence struct {
	ID      string `json:"id"`
	Profile struct {
		Gates map[string]bool `json:"gates"`
	} `json:"profile"`
	Params struct {
		Tolerance  *float64 `json:"tolerance"`
		Downscale  *float64 `json:"downscaleStabilizationSeconds"`
		CPUInit    *float64 `json:"cpuInitializationPeriodSeconds"`
		ReadyDelay *float64 `json:"initialReadinessDelaySeconds"`
	} `json:"params"`
	HPA struct {
		Generation int64                                     `json:"generation"`
		Spec       autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`
		Status     *status                                   `json:"status"`
	} `json:"hpa"`
	PodTemplate map[string]json.RawMessage `json:"podTemplate"`
	OtherHPAs   []struct {
		Name     string `json:"name"`
		Selector string `json:"selector"`
	} `json:"otherHpas"`
	Steps []step `json:"steps"`
}

type status struct {
	CurrentReplicas    int32       `json:"currentReplicas"`
	DesiredReplicas    int32       `json:"desiredReplicas"`
	ObservedGeneration *int64      `json:"observedGeneration"`
	LastScaleT         *float64    `json:"lastScaleT"`
	Conditions         []condition `json:"conditions"`
}

type condition struct {
	Type    string   `json:"type"`
	Status  string   `json:"status"`
	Reason  string   `json:"reason"`
	Message string   `json:"message"`
	T       *float64 `json:"t,omitempty"`
}

type step struct {
	AdvanceSeconds float64 `json:"advanceSeconds"`
	Restart        bool    `json:"restart"`
	HPA            *struct {
		Generation int64                                     `json:"generation"`
		Spec       autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`
	} `json:"hpa"`
	Scale struct {
		SpecReplicas   *int32  `json:"specReplicas"`
		StatusReplicas *int32  `json:"statusReplicas"`
		Selector       *string `json:"selector"`
		Error          string  `json:"error"`
		MappingError   string  `json:"mappingError"`
		RegetReplicas  *int32  `json:"regetReplicas"`
		UpdateErrors   []struct {
			Code    int32  `json:"code"`
			Message string `json:"message"`
		} `json:"updateErrors"`
	} `json:"scale"`
	Pods              []map[string]json.RawMessage `json:"pods"`
	Metrics           []answer                     `json:"metrics"`
	StatusUpdateError string                       `json:"statusUpdateError"`
}

type answer struct {
	Error         *string                    `json:"error"`
	Pods          map[string]json.RawMessage `json:"pods"`
	ValueMilli    int64                      `json:"valueMilli"`
	ValuesMilli   []int64                    `json:"valuesMilli"`
	T             *float64                   `json:"t"`
	WindowSeconds *float64                   `json:"windowSeconds"`
}

type sample struct {
	ValueMilli    int64    `json:"valueMilli"`
	T             *float64 `json:"t"`
	WindowSeconds *float64 `json:"windowSeconds"`
}

func seconds(value float64) time.Duration {
	return time.Duration(math.Round(value*1000)) * time.Millisecond
}

func requestList(raw json.RawMessage) corev1.ResourceList {
	var milli map[string]int64
	must(json.Unmarshal(raw, &milli))
	list := corev1.ResourceList{}
	for name, value := range milli {
		list[corev1.ResourceName(name)] = *resource.NewMilliQuantity(value, resource.DecimalSI)
	}
	return list
}

func containers(raw json.RawMessage) []corev1.Container {
	var given []struct {
		Name          string          `json:"name"`
		Requests      json.RawMessage `json:"requestsMilli"`
		RestartPolicy string          `json:"restartPolicy"`
	}
	must(json.Unmarshal(raw, &given))
	var list []corev1.Container
	for _, each := range given {
		container := corev1.Container{Name: each.Name}
		if each.Requests != nil {
			container.Resources.Requests = requestList(each.Requests)
		}
		if each.RestartPolicy != "" {
			policy := corev1.ContainerRestartPolicy(each.RestartPolicy)
			container.RestartPolicy = &policy
		}
		list = append(list, container)
	}
	return list
}

// pod makes a pod; keys that it does not have come from the template.
func pod(given, template map[string]json.RawMessage, start time.Time) *corev1.Pod {
	key := func(name string, into any) bool {
		raw, ok := given[name]
		if !ok {
			raw, ok = template[name]
		}
		if ok {
			must(json.Unmarshal(raw, into))
		}
		return ok
	}
	raw := func(name string) (json.RawMessage, bool) {
		var value json.RawMessage
		ok := key(name, &value)
		return value, ok
	}
	set := func(name string) bool {
		var value bool
		return key(name, &value) && value
	}
	// Null is the zero time.
	at := func(name string) metav1.Time {
		var value *float64
		if key(name, &value); value == nil {
			return metav1.Time{}
		}
		return metav1.NewTime(start.Add(seconds(*value)))
	}
	made := &corev1.Pod{}
	key("name", &made.Name)
	made.Namespace = namespace
	if !key("labels", &made.Labels) {
		made.Labels = map[string]string{"app": "x"}
	}
	key("phase", &made.Status.Phase)
	if set("deleting") {
		now := metav1.NewTime(start)
		made.DeletionTimestamp = &now
	}
	if _, ok := raw("startT"); ok && !set("noStartTime") {
		started := at("startT")
		made.Status.StartTime = &started
	}
	var ready corev1.ConditionStatus
	if key("ready", &ready) && !set("noReadyCondition") {
		made.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: ready, LastTransitionTime: at("readyTransitionT"),
		}}
	}
	if value, ok := raw("containers"); ok {
		made.Spec.Containers = containers(value)
	}
	if value, ok := raw("initContainers"); ok {
		made.Spec.InitContainers = containers(value)
	}
	if value, ok := raw("podLevelRequestsMilli"); ok {
		if requests := requestList(value); len(requests) > 0 {
			made.Spec.Resources = &corev1.ResourceRequirements{Requests: requests}
		}
	}
	if value, ok := raw("overheadMilli"); ok {
		made.Spec.Overhead = requestList(value)
	}
	if value, ok := raw("overheadMilli"); ok {
		made.Spec.Overhead = requestList(value)
	}
	return made
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
