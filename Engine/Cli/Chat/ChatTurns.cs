using Lean.Engine.Cli.Generate;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Text;
using Lean.Kernels;

namespace Lean.Engine.Cli.Chat;

/// <summary>
/// Answers in a chat, one at a time; Ctrl-C ends the answer and not the program. One engine serves all turns, so what a
/// turn has in common with those before is computed once.
/// </summary>
internal sealed class ChatTurns : IDisposable
{
    // Turns whose prompts stay in the caches, should each be as long as the model allows.
    private const int Depth = 2;

    private readonly IEngineSource _model;
    private readonly Tokenizer _tokenizer;
    private readonly Func<int[], GenerationRequest> _request;
    private readonly GenerationEngine _engine;
    private volatile bool _answering;
    private volatile bool _stopped;

    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="options">Limits of a step.</param>
    /// <param name="request">How to generate for a prompt.</param>
    public ChatTurns(IEngineSource model, Tokenizer tokenizer, EngineOptions options, Func<int[], GenerationRequest> request)
    {
        (_model, _tokenizer, _request) = (model, tokenizer, request);
        _engine = model.Start(options with
        {
            MaxSequences = 1,
            MaxQueue = 0,
            MostBlocks = (long)Depth * Grid.CellsFor(model.Config.MaxPositions),
        });
        CacheLine.Show(_engine, options.KeepsGenerated);
    }

    /// <summary>Listens for Ctrl-C.</summary>
    public void Listen() => Console.CancelKeyPress += Stop;

    /// <summary>Prints the answer to a prompt as it comes, and returns its text.</summary>
    public string Answer(int[] prompt)
    {
        (_stopped, _answering) = (false, true);
        try
        {
            GenerationRequest request = _request(prompt);
            var text = new OutputText(_tokenizer, request.Sampling.Stop, request.Sampling.MinTokens);
            using var stream = new TextStream(text);
            if (!_engine.TrySubmit(request, new Listener(text, stream), out Sequence? sequence))
            {
                throw new InvalidOperationException("an answer is asked for while another one is given");
            }

            while (_engine.Step())
            {
                if (_stopped)
                {
                    _engine.Cancel(sequence);
                }
            }

            // A sequence that a fault or the user ended has not chosen its last token.
            text.End();
            stream.End();
            return sequence.Fault is { } fault ? throw FaultReport.Error(_model.Loaded, "the answer", fault) : text.Certain.ToString();
        }
        finally
        {
            _answering = false;
        }
    }

    public void Dispose()
    {
        Console.CancelKeyPress -= Stop;
        _engine.Dispose();
    }

    // Between answers there is nothing to stop but the program.
    private void Stop(object? sender, ConsoleCancelEventArgs e)
    {
        e.Cancel = _answering;
        _stopped = _answering;
    }

    private sealed class Listener(OutputText text, TextStream stream) : ISequenceListener
    {
        public void Chosen(Sequence sequence)
        {
            SequenceText.Take(sequence, text);
            stream.Append(sequence);
        }

        public void Ended(Sequence sequence)
        {
        }
    }
}
