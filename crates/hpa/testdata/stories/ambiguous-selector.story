# Two HPAs whose targets select the same pods: neither decides anything, and both say so. The controller knows the
# selector of another HPA only after that one has computed its metrics.
kubernetes 1.37
other hpa web-too selects app=web
other hpa fresh selects nothing

hpa web: 1 to 10 replicas of Deployment/web
  external metric load average value 10

pods: 3 ready

at 0s
  load is 90
  -> cannot decide
  -> desired replicas 0
  -> metric calls 0
  -> condition AbleToScale True SucceededGetScale
  -> condition ScalingActive False AmbiguousSelector "pods by selector app=web are controlled by more than one HPA (e.g. [default/web default/web-too])"
  -> event Warning AmbiguousSelector "pods by selector app=web are controlled by more than one HPA (e.g. [default/web default/web-too])"
  -> event Warning FailedComputeMetricsReplicas "pods by selector app=web are controlled by more than one HPA (e.g. [default/web default/web-too])"

# A label more does not help: the other selector still gives the same pods.
at 15s
  selector app=web,tier=front
  pods: 3 ready
  -> cannot decide
  -> condition ScalingActive False AmbiguousSelector

# Once the pods carry other labels, and the selector asks for them, all is well.
at 30s
  selector app=front
  pods: 3 ready
  -> scales 3 to 6
