using System.Text;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Running;
using Lean.Engine.Serving;

namespace Lean.Engine.Protocol;

/// <summary>A choice of a chat's answer, put together.</summary>
/// <param name="logProbabilities">Whether those of its tokens are wanted.</param>
internal sealed class ChatChoice(bool logProbabilities)
{
    /// <summary>What it says.</summary>
    public StringBuilder Content { get; } = new();

    /// <summary>What the model thought before.</summary>
    public StringBuilder Reasoning { get; } = new();

    /// <summary>The functions it calls.</summary>
    public List<ChatCall> Calls { get; } = [];

    /// <summary>Its tokens, or null where nobody asks for their log-probabilities.</summary>
    public List<ChosenToken>? Tokens { get; } = logProbabilities ? [] : null;

    /// <summary>The most likely tokens where each was chosen.</summary>
    public List<ChosenToken>? Listed { get; } = logProbabilities ? [] : null;

    /// <summary>Why it ended.</summary>
    public FinishReason Finish { get; set; }

    /// <summary>Takes a piece.</summary>
    public void Add(AnswerPart part)
    {
        switch (part.Kind)
        {
            case AnswerPartKind.Content:
                Content.Append(part.Text);
                break;
            case AnswerPartKind.Reasoning:
                Reasoning.Append(part.Text);
                break;
            case AnswerPartKind.CallBegin:
                Calls.Add(new ChatCall(ChatCall.NewId(), part.Text));
                break;
            case AnswerPartKind.CallArguments:
                Calls[part.Call].Arguments.Append(part.Text);
                break;
        }
    }

    /// <summary>Takes tokens.</summary>
    public void Add(TokenBatch batch)
    {
        Tokens?.AddRange(batch.Tokens);
        Listed?.AddRange(batch.Listed);
        Finish = batch.Finish;
    }
}
