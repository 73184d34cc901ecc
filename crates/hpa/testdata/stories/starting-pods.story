# Pods that start burn CPU. Until a pod is ready, and its sample lies wholly after that, it is taken for idle when the
# others ask for more, so that starting up does not add still more pods.
kubernetes 1.37

hpa web: 1 to 20 replicas of Deployment/web
  resource cpu utilization 50%

template
  container app requests cpu 100m
pods: 2 ready
pod web-3 to web-4: unready since 20s ago started 20s ago

# 90% of the requests of two pods; 45% when the other two are idle.
at 0s
  cpu is 90m on web-1 to web-2 over 30s, 200m on web-3 to web-4 over 30s
  -> cpu shows utilization 90%, average value 90m
  -> stays at 4

# Ready for five seconds: the sample of the last 30 s is still one of the start.
at 15s
  pod web-3 to web-4: ready since 5s ago started 35s ago
  -> stays at 4

# Ready at 10s; at 40s the sample has only what came after. Four pods at 145% would be twelve, and a turn doubles.
at 39.999s
  -> stays at 4
at 40s
  -> cpu shows utilization 145%, average value 145m
  -> cpu proposes 12
  -> scales 4 to 8
