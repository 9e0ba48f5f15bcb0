using Lean.Comm;
using Lean.Engine.Serving;

namespace Lean.Engine.Http;

/// <summary>Looks now and then whether the engine gets on.</summary>
internal sealed class HealthWatch : IDisposable
{
    // How long one fault makes the server ill: long enough for whoever restarts ill servers to see it.
    private static readonly TimeSpan FaultMemory = TimeSpan.FromMinutes(5);

    private readonly EngineHost _host;
    private readonly IRankStatus? _ranks;
    private readonly TimeSpan _limit;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private int _steps;
    private long _lastProgress;

    /// <param name="host">The engine.</param>
    /// <param name="limit">How long a step may take.</param>
    /// <param name="clock">What time is measured by.</param>
    /// <param name="ranks">The ranks that the model runs on, or null where there is one.</param>
    public HealthWatch(EngineHost host, TimeSpan limit, TimeProvider clock, IRankStatus? ranks = null)
    {
        _ranks = ranks;
        (_host, _limit, _clock, _lastProgress) = (host, limit, clock, clock.GetTimestamp());
        TimeSpan period = TimeSpan.FromMilliseconds(double.Clamp(limit.TotalMilliseconds / 10, 10, 1000));
        _timer = clock.CreateTimer(_ => Look(), null, period, period);
    }

    /// <summary>What is wrong, in a sentence, or null.</summary>
    public string? Complaint()
    {
        // The cause, before what followed from it.
        if (_ranks?.Verdict is { } verdict)
        {
            return verdict;
        }

        if (_host.Ended.IsCompleted)
        {
            return _host.Ended.Exception is { } fault ? $"the engine failed: {fault.InnerException!.Message}" : "the engine has ended";
        }

        if (_host.LastFault is { } at && _clock.GetElapsedTime(at) < FaultMemory)
        {
            return $"numbers that are not finite ended a request {_clock.GetElapsedTime(at).TotalSeconds:F0} s ago";
        }

        Look();
        lock (_lock)
        {
            TimeSpan still = _clock.GetElapsedTime(_lastProgress);
            return still > _limit ? $"the engine has made no progress for {still.TotalSeconds:F0} s while {_host.Open} sequences wait for it" : null;
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        int steps = _host.Steps;
        lock (_lock)
        {
            if (steps != _steps || _host.Open == 0)
            {
                (_steps, _lastProgress) = (steps, _clock.GetTimestamp());
            }
        }
    }
}
