namespace Lean.Engine.Scheduling;

/// <summary>
/// The depth for steps of about so many sequences. It begins at 0 and tries one more as long as that would be best if it cost
/// little; then it stays with the best it knows, and now and then looks at a neighbour again, for which it spends half a
/// hundredth of the time at most. A trial that has become hopeless ends at once: where many sequences run, a step says enough.
/// </summary>
/// <param name="most">The deepest it may choose.</param>
internal sealed class DepthChoice(int most)
{
    // The first steps of a depth are not like those that follow: they compile, capture, fill caches; less where it was tried before.
    private const int Settling = 2;
    private const int SettlingAgain = 1;

    // What a step takes is what passes between two results: one that is read late makes the next look early. So a depth costs what the
    // middle one of three samples says, or two that agree; a look that ends before them leaves what it has, halfway to what was known.
    private const int Samples = 3;
    private const double Agreement = 0.02;

    // Where a step verifies one draft, some are wrong by chance: a depth is not judged before so many drafts.
    private const double Fewest = 8;
    private const int MostSamples = 16;

    // A depth is given up when so many drafts have been verified and it is slower than the best by more than this.
    private const double Enough = 32;
    private const double Hopeless = 0.9;

    // A depth that nobody can measure, since prompts come all the time, is given up for a while after so many steps.
    private const int Patience = 64;

    // A depth must be better by so much to replace another, and steps between two looks are never fewer.
    private const double Better = 1.03;
    private const int Pause = 64;
    private const double Share = 0.005;
    private const double StaleOutcomes = 4;

    // A step that was held up, or looks early, says little more than one that is a bit off. So many that follow a depth's first samples still
    // say what it costs beside others; later ones say how fast the machine is.
    private const double MostOff = 0.1;
    private const double Follow = 0.2;
    private const int Young = 16;
    private const double HeldUp = 0.75;

    private readonly double[] _cost = new double[most + 1]; // seconds of a step; 0 where unknown
    private readonly int[] _age = new int[most + 1]; // samples since the first ones, up to the most that say something of the depth alone
    private readonly double[] _samples = new double[Samples];
    private int _best;
    private int _trial = -1;
    private int _trialSteps;
    private int _seen;   // steps of one depth in a row
    private int _seenDepth = -1;
    private int _settling; // of them before the first sample
    private int _taken;    // samples
    private bool _isTaken; // whether they are enough
    private double _fastest; // of all of them
    private int _quiet;  // measured steps since the last trial or change
    private int _wait;   // of them before a depth is tried that could not be measured
    private double _credit;
    private bool _looksDown;

    /// <summary>The depth for the next step.</summary>
    public int Choose(DraftAcceptance acceptance)
    {
        if (_trial >= 0 && ++_trialSteps > Patience)
        {
            End(acceptance);
            _wait = Pause;
        }

        return _trial >= 0 ? _trial : _best;
    }

    /// <summary>Takes note of a step, all of whose sequences had so many drafts and got as many.</summary>
    public void Took(int depth, double seconds, DraftAcceptance acceptance)
    {
        if (depth != _seenDepth)
        {
            (_seen, _seenDepth, _fastest, _taken, _isTaken) = (0, depth, seconds, 0, false);
            _settling = _cost[depth] == 0 ? Settling : SettlingAgain;
        }

        _fastest = double.Min(_fastest, seconds);
        if (++_seen <= _settling)
        {
            return;
        }

        Measure(depth, seconds);
        if (_trial >= 0)
        {
            if (depth == _trial && ((_isTaken && IsTold(acceptance)) || IsHopeless(acceptance)))
            {
                End(acceptance);
            }

            return;
        }

        if (depth != _best || !_isTaken)
        {
            return;
        }

        _credit += Share * seconds;
        _quiet++;
        int better = Best(acceptance);
        if (better != _best)
        {
            (_best, _quiet) = (better, 0);
            return;
        }

        Look(acceptance);
    }

    private void Measure(int depth, double seconds)
    {
        double known = _cost[depth];
        if (!_isTaken)
        {
            _samples[_taken++] = seconds;
            if (_taken == Samples || (_taken == 2 && double.Abs(_samples[1] - _samples[0]) < Agreement * seconds))
            {
                Take(depth);
            }

            return;
        }

        double off = double.Clamp((seconds / known) - 1, -MostOff, MostOff);
        if (_age[depth] < Young)
        {
            _cost[depth] *= 1 + (off / (Samples + ++_age[depth]));
            return;
        }

        // Longer contexts and a busy machine slow all depths down.
        for (int d = 0; d <= most; d++)
        {
            _cost[d] *= 1 + (Follow * off);
        }
    }

    // What was known far too high was held up.
    private void Take(int depth)
    {
        double known = _cost[depth], least = double.Min(_samples[0], _samples[1]), greatest = double.Max(_samples[0], _samples[1]);
        double middle = _taken switch { 1 => _samples[0], 2 => (least + greatest) / 2, _ => double.Clamp(_samples[2], least, greatest) };
        _cost[depth] = known == 0 || middle < HeldUp * known ? middle : (known + middle) / 2;
        _isTaken = true;
    }

    // Whether enough drafts have been verified to judge a depth, or so many steps have gone by that no more are waited for: few
    // come to a deep one where those before it are wrong.
    private bool IsTold(DraftAcceptance acceptance) => acceptance.Outcomes(_trial) >= Fewest || _seen >= MostSamples;

    // Judged by the fastest step that is known of: slower by a tenth, or hardly faster even if all drafts were right.
    private bool IsHopeless(DraftAcceptance acceptance)
    {
        double cost = _cost[_trial] == 0 ? _fastest : double.Min(_cost[_trial], _fastest), rate = Rate(_best, acceptance);
        return (1 + _trial) / cost * Hopeless < rate || (acceptance.Outcomes(_trial) >= Enough && acceptance.Tokens(_trial) / cost < rate * Hopeless);
    }

    private double Rate(int depth, DraftAcceptance acceptance) => _cost[depth] == 0 ? 0 : acceptance.Tokens(depth) / _cost[depth];

    private int Best(DraftAcceptance acceptance)
    {
        int best = _best;
        double rate = Rate(_best, acceptance) * Better;
        for (int d = 0; d <= most; d++)
        {
            if (Rate(d, acceptance) > rate)
            {
                (best, rate) = (d, Rate(d, acceptance));
            }
        }

        return best;
    }

    private void Look(DraftAcceptance acceptance)
    {
        double rate = Rate(_best, acceptance);
        int unknown = Array.IndexOf(_cost, 0);
        if (unknown > 0 && _quiet >= _wait && acceptance.Tokens(unknown) > rate * Better * LeastCost(unknown))
        {
            Try(unknown);
            return;
        }

        bool isDeepest = _best == most || _cost[_best + 1] == 0;
        int depth = _best > 0 && (_looksDown || isDeepest) ? _best - 1 : _best + 1;
        if (_quiet < Pause || (isDeepest && depth > _best))
        {
            return;
        }

        double loss = LookSeconds(depth) * double.Max(0, 1 - (Rate(depth, acceptance) / rate));
        if (_credit >= loss)
        {
            (_credit, _looksDown) = (_credit - loss, !_looksDown);
            acceptance.Fade(_best + 1, StaleOutcomes);
            Try(depth);
        }
    }

    // A row more costs at least half of what the last one did.
    private double LeastCost(int depth) => depth == 1 ? _cost[0] : (1.5 * _cost[depth - 1]) - (0.5 * _cost[depth - 2]);

    // Seconds of a look at a depth whose cost is known.
    private double LookSeconds(int depth) => _cost[depth] * (SettlingAgain + Samples + 1);

    private void Try(int depth) => (_trial, _trialSteps, _seen, _seenDepth) = (depth, 0, 0, -1);

    private void End(DraftAcceptance acceptance)
    {
        if (_seenDepth == _trial && _taken > 0 && !_isTaken)
        {
            Take(_trial);
        }

        // What the first trial of a depth said of few drafts is soon looked at again, unless none could have said otherwise.
        if (_cost[_trial] > 0 && _settling == Settling && acceptance.Outcomes(_trial) < Enough && !IsHopeless(acceptance))
        {
            _credit = double.Max(_credit, LookSeconds(_trial));
        }

        _best = Rate(_trial, acceptance) > Rate(_best, acceptance) * Better ? _trial : _best;
        (_trial, _quiet) = (-1, 0);
    }
}
