# Exactly a tenth too much. Up to 1.32 the test was |1 - ratio| <= 0.1, and with binary fractions 1.1 was just outside:
# 55% of a target of 50% adds a pod.
kubernetes 1.32

hpa web: 1 to 10 replicas of Deployment/web
  resource cpu utilization 50%

template
  container app requests cpu 100m
pods: 4 ready

at 0s
  cpu is 45m on each pod
  -> stays at 4
  -> cpu proposes 4
at 15s
  cpu is 55m on each pod
  -> scales 4 to 5
