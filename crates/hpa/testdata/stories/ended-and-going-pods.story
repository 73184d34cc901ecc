# Failed pods and those being deleted do not count at all; pending ones count as idle when more is asked for.
kubernetes 1.37

hpa web: 1 to 20 replicas of Deployment/web
  resource memory average value 100Mi

replicas 4
pods: 2 ready, 1 ready deleting, 1 failed, 1 pending

# Two pods at 200Mi would be four; with the pending one they are at two thirds of that.
at 0s
  memory is 200Mi on each pod
  -> memory shows average value 200Mi
  -> targets "memory: 200Mi/100Mi"
  -> memory proposes 4
  -> stays at 4
at 15s
  pods: 3 ready
  -> memory proposes 6
  -> scales 4 to 6: "memory resource above target"
