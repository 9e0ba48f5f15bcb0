namespace Lean.Engine.Bench.Serve;

/// <summary>Two ways to put a server under load.</summary>
internal static class ServeLoad
{
    /// <summary>
    /// When requests are sent that come independently of each other, so many a second on average: gaps are exponential.
    /// They do not depend on answers, so a slow server gets no mercy.
    /// </summary>
    public static double[] Arrivals(int count, double rate, int seed)
    {
        var random = new Random(seed);
        double at = 0;
        return [.. Enumerable.Range(0, count).Select(_ => at += -Math.Log(1 - random.NextDouble()) / rate)];
    }

    /// <summary>Sends each request at its time, whatever has been answered.</summary>
    /// <param name="client">Sends.</param>
    /// <param name="requests">The requests.</param>
    /// <param name="arrivals">When, in seconds from now.</param>
    /// <param name="model">The server's model.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task<ServeOutcome[]> Open(ServeClient client, ServeRequest[] requests, double[] arrivals, string model, CancellationToken stop)
    {
        double start = client.Now;
        var under = new Task<ServeOutcome>[requests.Length];
        for (int i = 0; i < requests.Length; i++)
        {
            // Timers know whole milliseconds: up, so that none is sent before its time.
            double intended = start + arrivals[i];
            while (intended - client.Now is var wait && wait > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(wait * 1e3)), stop);
            }

            ServeRequest request = requests[i];
            under[i] = Task.Run(() => client.Ask(request, model, intended, stop), stop);
        }

        return await Task.WhenAll(under);
    }

    /// <summary>So many at a time: each sends its next request when the last has been answered.</summary>
    /// <param name="client">Sends.</param>
    /// <param name="requests">The requests.</param>
    /// <param name="atATime">How many.</param>
    /// <param name="model">The server's model.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task<ServeOutcome[]> Closed(ServeClient client, ServeRequest[] requests, int atATime, string model, CancellationToken stop)
    {
        var outcomes = new ServeOutcome[requests.Length];
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, int.Min(atATime, requests.Length)).Select(_ => Task.Run(Work, stop)));
        return outcomes;

        async Task Work()
        {
            for (int i = Interlocked.Increment(ref next); i < requests.Length; i = Interlocked.Increment(ref next))
            {
                outcomes[i] = await client.Ask(requests[i], model, client.Now, stop);
            }
        }
    }
}
