# Pods without a value are taken for idle when the others ask for more, and for fully busy when the others ask for
# less: missing data damps a decision, and never turns it round.
kubernetes 1.37

hpa web: 1 to 20 replicas of Deployment/web
  resource cpu utilization 50%

template
  container app requests cpu 100m
pods: 4 ready

# 10% of the requests, but 32% once the fourth is taken for 100%.
at 0s
  cpu is 10m on each pod, nothing on web-4
  -> cpu shows utilization 10%, average value 10m
  -> cpu proposes 3
  -> stays at 4
  -> condition AbleToScale True ScaleDownStabilized

# 60% with two values, 30% when the other two are idle: up or down, so neither.
at 15s
  cpu is 60m on web-1 to web-2
  -> cpu shows utilization 60%, average value 60m
  -> cpu proposes 4
  -> stays at 4

# 90% with three values, 67% when the fourth is idle: not 8 pods but 6.
at 30s
  cpu is 90m on each pod, nothing on web-4
  -> cpu shows utilization 90%, average value 90m
  -> targets "cpu: 90%/50%"
  -> scales 4 to 6: "cpu resource utilization (percentage of request) above target"

# No value at all: nothing is decided.
at 45s
  pods: 6 ready
  cpu fails "no metrics returned from resource metrics API"
  -> cannot decide
  -> desired replicas 6
  -> cpu shows nothing
  -> targets "cpu: <unknown>/50%"
  -> condition AbleToScale True SucceededGetScale
  -> condition ScalingActive False FailedGetResourceMetric "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API"
  -> event Warning FailedGetResourceMetric "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API"
  -> event Warning FailedComputeMetricsReplicas "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API"
  -> error "failed to compute desired number of replicas based on listed metrics for Deployment/default/web: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API"
