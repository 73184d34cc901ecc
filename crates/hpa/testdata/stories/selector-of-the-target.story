# The target's scale must say which pods are its own. Without a selector, or with one that cannot be read, no metric
# is asked for.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  external metric load average value 10

selector ""
pods: 3 ready labelled app=web
replicas 3
load is 30

at 0s
  -> cannot decide
  -> condition ScalingActive False InvalidSelector "the HPA target's scale is missing a selector"
  -> event Warning SelectorRequired "selector is required"
  -> event Warning FailedComputeMetricsReplicas "selector is required"
at 15s
  selector "app in web"
  -> cannot decide
  -> condition ScalingActive False InvalidSelector
  -> event Warning InvalidSelector
at 30s
  selector app in (web, shop)
  load is 60
  -> scales 3 to 6
