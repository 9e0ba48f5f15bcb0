using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>Takes a request's choices from the engine as they come, until all have ended or the client has left.</summary>
/// <param name="state">The server.</param>
/// <param name="generation">The choices.</param>
internal sealed class GenerationReader(ServerState state, Generation generation)
{
    private readonly TokenBatch _batch = new();
    private readonly bool[] _ended = new bool[generation.Choices.Count];
    private int _open = generation.Choices.Count;

    /// <summary>What a request took.</summary>
    /// <param name="generation">Its choices.</param>
    /// <param name="promptTokens">Tokens of its prompts.</param>
    public static Usage Usage(Generation generation, int promptTokens)
    {
        int completion = 0, cached = 0;
        (long drafted, long accepted, long passes) = (0, 0, 0);
        foreach (TokenStream choice in generation.Choices)
        {
            completion += choice.Generated;
            cached = int.Max(cached, choice.CachedTokens);
            (long d, long a, long p) = choice.Drafts;
            (drafted, accepted, passes) = (drafted + d, accepted + a, passes + p);
        }

        return new Usage(promptTokens, completion, cached, Drafted: drafted, Accepted: accepted, Passes: passes);
    }

    /// <summary>Reads everything.</summary>
    /// <param name="http">The request.</param>
    /// <param name="take">Takes what a choice has got.</param>
    /// <exception cref="ApiException">A choice ended in an error.</exception>
    public async Task Read(HttpContext http, Action<int, TokenBatch> take)
    {
        while (_open > 0)
        {
            await Next(http, take);
        }
    }

    /// <summary>Reads everything, and sends after each look what was written.</summary>
    /// <param name="http">The request.</param>
    /// <param name="events">Where it is written.</param>
    /// <param name="take">Writes what a choice has got.</param>
    /// <exception cref="ApiException">A choice ended in an error before anything was sent.</exception>
    public async Task Stream(HttpContext http, EventStream events, Action<int, TokenBatch> take)
    {
        while (_open > 0)
        {
            try
            {
                await Next(http, take);
            }
            catch (ApiException e) when (!events.IsEmpty)
            {
                JsonResponse.WriteError(events.Begin(), e);
                events.End();
                _open = 0;
            }

            await events.FlushAsync();
        }
    }

    private async ValueTask Next(HttpContext http, Action<int, TokenBatch> take)
    {
        await generation.WaitAsync();
        http.RequestAborted.ThrowIfCancellationRequested();
        for (int i = 0; i < _ended.Length; i++)
        {
            if (_ended[i])
            {
                continue;
            }

            generation.Choices[i].Take(_batch);
            if (_batch.Finish != FinishReason.None)
            {
                (_ended[i], _open) = (true, _open - 1);
                if (Fault(http, generation.Choices[i]) is { } fault)
                {
                    // What was chosen before is good.
                    _batch.Finish = FinishReason.None;
                    Hand(i, take);
                    throw fault;
                }
            }

            Hand(i, take);
        }
    }

    private void Hand(int index, Action<int, TokenBatch> take)
    {
        if (!_batch.IsEmpty)
        {
            take(index, _batch);
        }
    }

    private ApiException? Fault(HttpContext http, TokenStream choice)
    {
        if (_batch.Finish == FinishReason.Fault)
        {
            string message = $"the request ended in an error: {state.Describe(_batch.Fault!.Value)}";
            ServerLog.Fault(state.Log, http.Request.Path, message);
            return new ApiException(500, message);
        }

        if (_batch.Finish == FinishReason.Shutdown)
        {
            return state.Host.Failure is { } failure
                ? new ApiException(500, $"the engine failed: {failure}")
                : new ApiException(503, "the server ended before the answer did");
        }

        if (choice.IsGivenUp)
        {
            ServerLog.SlowReader(state.Log, http.Request.Path);
            http.Abort();
        }

        return null;
    }
}
